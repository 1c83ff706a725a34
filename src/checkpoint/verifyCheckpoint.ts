import type { FileOperations } from "../io/fileOperations.js";
import type { FileSource } from "../io/fileSource.js";
import { isUrl, openLocation } from "../io/location.js";
import { rangeChunks } from "../io/rangeChunks.js";
import { isFolder } from "../io/textFile.js";
import { checkCopy } from "../serialization/copiedStorage.js";
import type { DetectedFormat } from "../serialization/format.js";
import { detectFormat } from "../serialization/format.js";
import type { Storage } from "../storage/storedTensor.js";
import { checksum } from "../zip/checksum.js";
import { openZip } from "../zip/zipReader.js";
import type { ZipArchive } from "../zip/zipReader.js";
import { compareWithJournal } from "./checkpointJournal.js";
import type { OpenedFile } from "./openCheckpoint.js";
import { openCheckpoint } from "./openCheckpoint.js";
import { tensorsOf } from "./treePaths.js";
import type { ChecksumCount, Problem, RecordsCheck, Verification } from "./verification.js";
import { problemOf } from "./verification.js";
import { describeRemains, verifyRecords } from "./verifyArchive.js";

/** How a file is verified. */
export interface VerifyOptions {
  readonly files?: FileOperations;
  /** Told of every piece that has been read. */
  readonly heard?: (bytes: number) => void;
}

/**
 * Read all of a file, or of a folder that is one checkpoint, and compare what it says with what it holds: every record's
 * header, length and checksum, every storage's size against its record, every tensor's place in its storage. A file that
 * fails is described, not thrown.
 */
export async function verifyCheckpoint(path: string, options: VerifyOptions = {}): Promise<Verification> {
  const heard = options.heard ?? ((): void => undefined);
  if (!isUrl(path) && (await isFolder(path, options.files))) return verifyTree({ path, ...UNKNOWN }, heard, options);
  let source: FileSource;
  try {
    source = await openLocation(path, options);
  } catch (error) {
    return { path, ...UNKNOWN, problems: [problemOf(error)] };
  }
  let verification: Verification;
  try {
    verification = await verifySource(source, path, heard, options);
  } finally {
    await source.close();
  }
  if (verification.problems.length > 0 || isUrl(path)) return verification;
  // What no checksum of the format covers, headers and padding, the journal of whoever wrote the file does.
  const problem = await compareWithJournal(path, options.files);
  return problem === null ? verification : { ...verification, problems: [problem] };
}

/** What is known of a file before it is opened. */
const UNKNOWN = {
  format: null,
  byteLength: null,
  problems: [],
  checksums: { right: 0, wrong: 0, absent: 0 },
  tensors: null,
  notes: [],
} as const satisfies Omit<Verification, "path">;

async function verifySource(
  source: FileSource,
  path: string,
  heard: (bytes: number) => void,
  options: VerifyOptions,
): Promise<Verification> {
  const detected = await detectFormat(source);
  const about = { ...UNKNOWN, path, byteLength: source.byteLength, format: detected.format };
  const archive = await archiveOf(source, detected);
  if ("problem" in archive) return { ...about, problems: [archive.problem] };
  if (archive.archive === undefined) return verifyTree(about, heard, options);
  const { problems, checksums } = await verifyRecords(archive.archive, heard);
  return verifyTree({ ...about, problems, checksums }, heard, options, true);
}

/** Open the tree, which compares sizes and places; where no record has been read, read the storages. */
async function verifyTree(
  about: Verification,
  heard: (bytes: number) => void,
  options: VerifyOptions,
  recordsAreRead = false,
): Promise<Verification> {
  let file: OpenedFile;
  try {
    file = await openCheckpoint(about.path, options);
  } catch (error) {
    const problem = problemOf(error);
    const message = problem.message.replace(`${about.path}: `, "");
    // A damaged record is met twice when the tree cannot be read without it.
    const isNew = about.problems.every((known) => known.message !== message);
    return isNew ? { ...about, problems: [...about.problems, { ...problem, message }] } : about;
  }
  try {
    const storages = storagesOf(file);
    const read = recordsAreRead ? about : await verifyStorages(storages, heard);
    return {
      ...about,
      format: file.format,
      byteLength: file.byteLength,
      problems: read.problems.map((problem) => withPaths(problem, storages)),
      checksums: read.checksums,
      tensors: tensorsOf(file.root).length,
      notes: notesOf(file.format, read.checksums),
    };
  } finally {
    await file.close();
  }
}

/** The directory of a zip archive; what is left of it when it cannot be read; nothing for other files. */
async function archiveOf(
  source: FileSource,
  { format, archive }: DetectedFormat,
): Promise<{ readonly archive: ZipArchive | undefined } | { readonly problem: Problem }> {
  if (archive !== undefined || format !== "torch-zip") return { archive };
  try {
    return { archive: await openZip(source) };
  } catch (error) {
    return { problem: await describeRemains(source, problemOf(error)) };
  }
}

/** Every storage of the tree, and the tensors that lie in it. */
function storagesOf(file: OpenedFile): Map<Storage, string[]> {
  const storages = new Map<Storage, string[]>();
  for (const { path, tensor } of tensorsOf(file.root)) {
    const paths = storages.get(tensor.storage);
    if (paths === undefined) storages.set(tensor.storage, [path]);
    else paths.push(path);
  }
  return storages;
}

/** The tensors whose record it is. */
function withPaths(problem: Problem, storages: ReadonlyMap<Storage, readonly string[]>): Problem {
  if (problem.record === null) return problem;
  const name = `record "${problem.record}" at byte ${problem.offset ?? 0}`;
  return { ...problem, paths: [...storages].flatMap(([storage, paths]) => (storage.name === name ? paths : [])) };
}

/** Read every storage from its first byte to its last, and compare the checksums of those that have one. */
async function verifyStorages(
  storages: ReadonlyMap<Storage, readonly string[]>,
  heard: (bytes: number) => void,
): Promise<RecordsCheck> {
  const problems: Problem[] = [];
  const checksums = { right: 0, wrong: 0, absent: 0 };
  for (const [storage, paths] of storages) {
    try {
      for (const part of (await storage.parts?.()) ?? [storage]) {
        checksums[part.crc32 === undefined ? "absent" : "right"] += 1;
        let crc = 0;
        for await (const chunk of rangeChunks(part, 0, part.byteLength)) {
          if (part.crc32 !== undefined) crc = checksum(chunk, crc);
          heard(chunk.byteLength);
        }
        checkCopy(part, crc);
      }
    } catch (error) {
      problems.push(problemOf(error, { paths }));
      checksums.wrong += 1;
    }
  }
  return { problems, checksums: { ...checksums, right: Math.max(0, checksums.right - checksums.wrong) } };
}

const NO_CHECKSUMS: Readonly<Partial<Record<OpenedFile["format"], string>>> = {
  safetensors: "safetensors has no checksums: a wrong bit in a tensor cannot be seen",
  npy: "npy has no checksums: a wrong bit in the array cannot be seen",
  pickle: "a pickle has no checksums: a wrong bit may not be seen",
  "torch-legacy": "files of torch before 1.6 have no checksums: a wrong bit in a tensor cannot be seen",
  "torch-tar": "files of torch 0.1 have no checksums of their content: a wrong bit in a tensor cannot be seen",
};

function notesOf(format: OpenedFile["format"], { absent }: ChecksumCount): string[] {
  const note = NO_CHECKSUMS[format];
  if (note !== undefined) return [note];
  return absent === 0 ? [] : ["the writer left out the checksums (CRC-32): a wrong bit in a tensor cannot be seen"];
}
