import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import type { ArchiveEnd } from "./endRecord.js";
import {
  decodeName,
  DIRECTORY_ENTRY,
  FLAGS,
  LOCAL_HEADER,
  readUint64,
  SATURATED_32,
  viewOf,
  ZIP64_EXTRA,
} from "./records.js";
import type { RecordsFile } from "./zipEntry.js";
import { ZipEntry } from "./zipEntry.js";

/** DEFLATE grows what it cannot compress by a few bytes in a thousand; a record that grew more than this lies about its length. */
const MAX_PACKED_GROWTH = 2;
/** What a stream costs however little is in it, with room for writers that flush often. */
const FREE_PACKED_BYTES = 4096;

/** The records of a central directory, in its order; none overlaps another or the directory. Their bytes are in `source`. */
export function readDirectory(bytes: Uint8Array, end: ArchiveEnd, source: ByteSource): ZipEntry[] {
  const file: RecordsFile = { source, hasChecksums: false };
  const view = viewOf(bytes);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: ZipEntry[] = [];
  let at = 0;
  while (records.length < end.entryCount) {
    const place = end.offset + at;
    if (at + DIRECTORY_ENTRY.byteLength > bytes.byteLength) {
      throw malformed(
        `the central directory ends at byte ${place} after ${records.length} of ${end.entryCount} records`,
      );
    }
    if (view.getUint32(at, true) !== DIRECTORY_ENTRY.signature) {
      throw malformed(`there is no directory record at byte ${place}, after ${records.length} of ${end.entryCount}`);
    }
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + DIRECTORY_ENTRY.byteLength + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > bytes.byteLength) throw malformed(`the directory record at byte ${place} reaches beyond the directory`);
    if (view.getUint32(at + 16, true) !== 0) file.hasChecksums = true;
    records.push(readRecord(file, buffer, view, at, place, records.length));
    at = next;
  }
  if (at !== bytes.byteLength) {
    throw malformed(
      `the central directory has ${bytes.byteLength - at} bytes more than its ${records.length} records need`,
    );
  }
  refuseOverlaps(records, end.offset);
  return records;
}

function readRecord(
  file: RecordsFile,
  buffer: Buffer,
  view: DataView,
  at: number,
  place: number,
  index: number,
): ZipEntry {
  const nameLength = view.getUint16(at + 28, true);
  const nameStart = at + DIRECTORY_ENTRY.byteLength;
  const name = decodeName(buffer, nameStart, nameStart + nameLength);
  if ((view.getUint16(at + 8, true) & FLAGS.encrypted) !== 0) {
    throw new LtrainError("checkpoint.unsupported", `record "${name}" is encrypted`, {
      hint: "decrypt the archive first",
    });
  }
  const extraStart = nameStart + nameLength;
  let byteLength = view.getUint32(at + 24, true);
  let compressedLength = view.getUint32(at + 20, true);
  let offset = view.getUint32(at + 42, true);
  if (byteLength === SATURATED_32 || compressedLength === SATURATED_32 || offset === SATURATED_32) {
    const wide = zip64Numbers(view, extraStart, extraStart + view.getUint16(at + 30, true));
    // Without the block the number may be meant: exactly 4 GiB - 1; the bounds decide.
    const widened = (value: number): number => (value === SATURATED_32 ? (wide.next() ?? value) : value);
    byteLength = widened(byteLength);
    compressedLength = widened(compressedLength);
    offset = widened(offset);
  }
  const method = view.getUint16(at + 10, true);
  if (method === 0 && byteLength !== compressedLength) {
    throw malformed(
      `record "${name}" (directory byte ${place}) is stored as it is, and is ${byteLength} bytes long and ${compressedLength} in the file`,
    );
  }
  if (method === 8 && compressedLength > byteLength * MAX_PACKED_GROWTH + FREE_PACKED_BYTES) {
    throw malformed(
      `record "${name}" (directory byte ${place}) has ${compressedLength} compressed bytes for the ${byteLength} it says it holds`,
    );
  }
  const crc32 = view.getUint32(at + 16, true);
  return new ZipEntry(file, { name, nameLength, method, crc32, byteLength, compressedLength, offset }, index);
}

/** The 64-bit numbers of the zip64 block, one after the other; which ones there are depends on what is saturated. */
function zip64Numbers(view: DataView, start: number, end: number): { next(): number | undefined } {
  let at = end;
  let stop = end;
  for (let block = start; block + 4 <= end;) {
    const length = view.getUint16(block + 2, true);
    if (view.getUint16(block, true) === ZIP64_EXTRA) {
      at = block + 4;
      stop = Math.min(at + length, end);
      break;
    }
    block += 4 + length;
  }
  return {
    next() {
      if (at + 8 > stop) return undefined;
      at += 8;
      return readUint64(view, at - 8);
    },
  };
}

/** Overlapping records are how a small file pretends to be a large one. */
function refuseOverlaps(records: readonly ZipEntry[], directoryOffset: number): void {
  const inOrder = records.every((record, i) => i === 0 || (records[i - 1]?.offset ?? 0) <= record.offset);
  const byOffset = inOrder ? records : records.slice().sort((a, b) => a.offset - b.offset);
  let free = 0;
  let before = "";
  for (const record of byOffset) {
    if (record.offset < free) {
      throw malformed(`records "${before}" and "${record.name}" overlap at byte ${record.offset}`);
    }
    free = record.offset + LOCAL_HEADER.byteLength + record.nameLength + record.compressedLength;
    before = record.name;
    if (free > directoryOffset) {
      throw malformed(
        `record "${record.name}" needs ${record.compressedLength} bytes from byte ${record.offset}, ` +
          `but the central directory begins at byte ${directoryOffset}`,
      );
    }
  }
}

function malformed(message: string): LtrainError {
  return new LtrainError("checkpoint.malformed", message, {
    hint: "the file may be damaged or cut short; compare it with the original",
  });
}
