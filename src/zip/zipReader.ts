import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { readAhead } from "../io/readAhead.js";
import { readDirectory } from "./directory.js";
import { findEnd } from "./endRecord.js";
import { ZipEntry } from "./zipEntry.js";

export type { ZipEntry } from "./zipEntry.js";

/** A zip archive of which the directory has been read, and nothing else. */
export interface ZipArchive {
  /** By name, in the order of the central directory. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Whether the archive carries the zip64 end record; torch always writes it. */
  readonly zip64: boolean;
  readonly comment: Uint8Array;
}

/** Read the directory of a zip archive: its end and the central directory, a few reads however large the file. */
export async function openZip(source: ByteSource): Promise<ZipArchive> {
  const end = await findEnd(source);
  const records = readDirectory(end.directory ?? (await source.read(end.offset, end.offset + end.byteLength)), end);
  // torch can be told to write no checksums; then every one of them is 0.
  const hasChecksums = records.some((record) => record.crc32 !== 0);
  const content = readAhead(source);
  const entries = new Map<string, ZipEntry>();
  for (const record of records) {
    if (entries.has(record.name)) {
      throw new LtrainError("checkpoint.malformed", `the archive holds two records named "${record.name}"`, {
        hint: "which of them counts is anybody's guess; the file was not written by torch",
      });
    }
    entries.set(record.name, new ZipEntry(content, record, hasChecksums));
  }
  return { entries, zip64: end.zip64, comment: end.comment };
}
