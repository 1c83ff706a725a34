import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import {
  DIRECTORY_ENTRY,
  END_RECORD,
  readUint64,
  SATURATED_16,
  SATURATED_32,
  viewOf,
  ZIP64_END_RECORD,
  ZIP64_LOCATOR,
} from "./records.js";

/** What the end of an archive says of its central directory. */
export interface ArchiveEnd {
  readonly entryCount: number;
  readonly offset: number;
  readonly byteLength: number;
  readonly zip64: boolean;
  readonly comment: Uint8Array;
  /** The central directory itself, when it came along with the end. */
  readonly directory: Uint8Array | undefined;
}

/** First this much of the file's end is read: a small archive's directory comes along. */
const SHORT_TAIL = 1 << 14;
/** Then this much: the longest comment, and as much foreign data as torch tolerates behind an archive. */
const LONG_TAIL = SATURATED_16 + END_RECORD.byteLength + ZIP64_LOCATOR.byteLength + ZIP64_END_RECORD.byteLength;
/** The directory of two million records; a longer one is not a checkpoint's. */
const MAX_DIRECTORY_BYTES = 1 << 28;

const CUT_SHORT = "the file may be cut short; compare its size with the original";

/** Find the end record and, where it is, the zip64 end record. */
export async function findEnd(source: ByteSource): Promise<ArchiveEnd> {
  for (const length of [SHORT_TAIL, LONG_TAIL]) {
    const start = Math.max(0, source.byteLength - length);
    const tail = await source.read(start, source.byteLength);
    const position = lastEndRecord(tail);
    if (position !== undefined) return await readEnd(source, tail, start, position);
    if (start === 0) break;
  }
  throw new LtrainError(
    "checkpoint.malformed",
    `the file is cut short: the end of its zip archive is not among its ${source.byteLength} bytes`,
    { hint: CUT_SHORT },
  );
}

/** The last place where an end record with its comment fits; behind it there may be anything. */
function lastEndRecord(tail: Uint8Array): number | undefined {
  const view = viewOf(tail);
  for (let at = tail.byteLength - END_RECORD.byteLength; at >= 0; at -= 1) {
    if (tail[at] !== 0x50 || view.getUint32(at, true) !== END_RECORD.signature) continue;
    if (at + END_RECORD.byteLength + view.getUint16(at + 20, true) <= tail.byteLength) return at;
  }
  return undefined;
}

async function readEnd(source: ByteSource, tail: Uint8Array, start: number, at: number): Promise<ArchiveEnd> {
  const view = viewOf(tail);
  const position = start + at;
  const short = {
    disk: view.getUint16(at + 4, true),
    directoryDisk: view.getUint16(at + 6, true),
    entryCount: view.getUint16(at + 10, true),
    byteLength: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
  const long = await readZip64End(source, tail, start, at);
  const saturated =
    short.entryCount === SATURATED_16 || short.byteLength === SATURATED_32 || short.offset === SATURATED_32;
  // Saturated numbers without a zip64 record: either they are meant, or the record is gone; the bounds below decide.
  const end = long !== undefined && saturated ? long : short;
  if (long !== undefined) checkAgreement(short, long);
  if (isElsewhere(short.disk) || isElsewhere(short.directoryDisk)) {
    throw new LtrainError("checkpoint.unsupported", "the zip archive is one part of several", {
      hint: "join the parts first (zip -s 0)",
    });
  }
  checkBounds(end, long?.position ?? position);
  const comment = tail.subarray(at + END_RECORD.byteLength, at + END_RECORD.byteLength + view.getUint16(at + 20, true));
  const directory =
    end.offset >= start ? tail.subarray(end.offset - start, end.offset - start + end.byteLength) : undefined;
  return { ...end, zip64: long !== undefined, comment, directory };
}

interface DirectoryPlace {
  readonly entryCount: number;
  readonly byteLength: number;
  readonly offset: number;
}

async function readZip64End(
  source: ByteSource,
  tail: Uint8Array,
  start: number,
  at: number,
): Promise<(DirectoryPlace & { readonly position: number }) | undefined> {
  const locatorAt = start + at - ZIP64_LOCATOR.byteLength;
  if (locatorAt < 0) return undefined;
  const within = async (from: number, length: number): Promise<DataView> =>
    viewOf(from >= start ? tail.subarray(from - start, from - start + length) : await source.read(from, from + length));
  const locator = await within(locatorAt, ZIP64_LOCATOR.byteLength);
  if (locator.getUint32(0, true) !== ZIP64_LOCATOR.signature) return undefined;
  const position = readUint64(locator, 8);
  if (position > locatorAt - ZIP64_END_RECORD.byteLength) {
    throw malformed(`the zip64 end record should be at byte ${position}, behind its own locator at byte ${locatorAt}`);
  }
  const record = await within(position, ZIP64_END_RECORD.byteLength);
  if (record.getUint32(0, true) !== ZIP64_END_RECORD.signature) {
    throw malformed(`there is no zip64 end record at byte ${position}, where its locator says`);
  }
  if (record.getUint32(16, true) !== 0 || record.getUint32(20, true) !== 0) {
    throw new LtrainError("checkpoint.unsupported", "the zip archive is one part of several");
  }
  return {
    position,
    entryCount: readUint64(record, 32),
    byteLength: readUint64(record, 40),
    offset: readUint64(record, 48),
  };
}

/** Two records that contradict each other make two archives of one file, one for each kind of reader. */
function checkAgreement(short: DirectoryPlace, long: DirectoryPlace): void {
  const pairs: [keyof DirectoryPlace, number][] = [
    ["entryCount", SATURATED_16],
    ["byteLength", SATURATED_32],
    ["offset", SATURATED_32],
  ];
  for (const [field, most] of pairs) {
    if (short[field] !== most && short[field] !== long[field]) {
      throw malformed(`the archive's end says ${field} ${short[field]}, and its zip64 record says ${long[field]}`);
    }
  }
}

function checkBounds(end: DirectoryPlace, endPosition: number): void {
  const directoryEnd = end.offset + end.byteLength;
  if (directoryEnd > endPosition) {
    throw malformed(
      `the central directory should end at byte ${directoryEnd}, but the archive's end record is at byte ${endPosition}`,
    );
  }
  if (directoryEnd < endPosition) {
    throw malformed(
      `${endPosition - directoryEnd} foreign bytes stand in front of the archive or inside it: ` +
        `its directory should end at byte ${directoryEnd}, and ends at byte ${endPosition}`,
    );
  }
  if (end.byteLength > MAX_DIRECTORY_BYTES) {
    throw malformed(
      `the central directory is ${end.byteLength} bytes long; more than ${MAX_DIRECTORY_BYTES} are not read`,
    );
  }
  if (end.entryCount * DIRECTORY_ENTRY.byteLength > end.byteLength) {
    throw malformed(`${end.entryCount} records cannot fit in a central directory of ${end.byteLength} bytes`);
  }
}

function isElsewhere(disk: number): boolean {
  return disk !== 0 && disk !== SATURATED_16;
}

function malformed(message: string): LtrainError {
  return new LtrainError("checkpoint.malformed", message, { hint: CUT_SHORT });
}
