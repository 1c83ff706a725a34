import type { ByteSource } from "../io/byteSource.js";
import { scanRecords } from "../zip/scanRecords.js";
import type { ZipArchive, ZipEntry } from "../zip/zipReader.js";
import type { Problem, RecordsCheck } from "./verification.js";
import { problemOf } from "./verification.js";

/** Read every record from its first byte to its last: header, length, checksum. `heard` is told of every piece. */
export async function verifyRecords(archive: ZipArchive, heard: (bytes: number) => void): Promise<RecordsCheck> {
  const problems: Problem[] = [];
  const checksums = { right: 0, wrong: 0, absent: 0 };
  for (const entry of inFileOrder(archive)) {
    try {
      for await (const chunk of entry.chunks()) heard(entry.stored ? chunk.byteLength : 0);
      if (!entry.stored) heard(entry.compressedLength);
      await entry.payloadOffset(); // an empty record has a header too
      if (entry.crc32 === null) checksums.absent += 1;
      else checksums.right += 1;
    } catch (error) {
      problems.push(problemOf(error, { record: entry.name, offset: entry.offset }));
      checksums.wrong += 1;
    }
  }
  return { checksums, problems };
}

/** A disk is read from front to back. */
function inFileOrder(archive: ZipArchive): readonly ZipEntry[] {
  return [...archive.entries.values()].sort((a, b) => a.offset - b.offset);
}

/** A directory that cannot be read, and what is still there of its archive: up to where its records are whole. */
export async function describeRemains(source: ByteSource, problem: Problem): Promise<Problem> {
  const { whole, last, broken } = await scanRecords(source);
  const sum =
    last?.intact === true ? ", its checksum is right" : last?.intact === false ? ", its checksum is wrong" : "";
  const until =
    last === undefined
      ? "no record is whole"
      : `the last whole record, number ${whole}, is "${last.name}", bytes ${last.offset} to ${last.end}${sum}`;
  const then =
    broken === undefined ? "" : `; record "${broken.name}" begins at byte ${broken.offset}, and ${broken.missing}`;
  return {
    ...problem,
    message: `${problem.message}; ${until}${then}`,
    record: broken?.name ?? null,
    offset: broken?.offset ?? last?.end ?? 0,
  };
}
