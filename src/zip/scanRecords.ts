import type { ByteSource } from "../io/byteSource.js";
import { checksum } from "./checksum.js";
import {
  DATA_DESCRIPTOR,
  decodeName,
  DIRECTORY_ENTRY,
  FLAGS,
  LOCAL_HEADER,
  readUint64,
  SATURATED_32,
  viewOf,
} from "./records.js";

/** A record that was found by its own header, without the directory. */
export interface ScannedRecord {
  readonly name: string;
  /** Of its header. */
  readonly offset: number;
  /** One past its last byte, the descriptor included. */
  readonly end: number;
  /** Whether its checksum is right; null when it has none. */
  readonly intact: boolean | null;
}

/** What the headers of an archive say when its directory cannot be read. */
export interface RecordScan {
  /** Records that are there from their first byte to their last. */
  readonly whole: number;
  readonly last: ScannedRecord | undefined;
  /** The record in which the file ends, or after which there is something else. */
  readonly broken: { readonly name: string; readonly offset: number; readonly missing: string } | undefined;
}

const WINDOW_BYTES = 1 << 22;
const NO_CHECKSUMS = 0;
/** What stands behind a record: the next one, or the directory. */
const FOLLOWERS: readonly number[] = [LOCAL_HEADER.signature, DIRECTORY_ENTRY.signature];

/** Walk an archive from its first record on, as far as the records are whole: what is left of a file that was cut off. */
export async function scanRecords(source: ByteSource): Promise<RecordScan> {
  let whole = 0;
  let last: ScannedRecord | undefined;
  for (let at = 0; ;) {
    const header = await readHeader(source, at);
    if (header === undefined) return { whole, last, broken: undefined };
    const end = header.payload > source.byteLength ? undefined : await findRecordEnd(source, header);
    if (end === undefined) {
      const missing = `the file ends at byte ${source.byteLength}, before the record does`;
      return { whole, last, broken: { name: header.name, offset: at, missing } };
    }
    last = { name: header.name, offset: at, ...end };
    whole += 1;
    at = end.end;
  }
}

interface Header {
  readonly name: string;
  readonly payload: number;
  /** undefined when only the descriptor behind the payload knows. */
  readonly known: { readonly byteLength: number; readonly crc32: number } | undefined;
}

async function readHeader(source: ByteSource, at: number): Promise<Header | undefined> {
  if (at + LOCAL_HEADER.byteLength > source.byteLength) return undefined;
  const view = viewOf(await source.read(at, at + LOCAL_HEADER.byteLength));
  if (view.getUint32(0, true) !== LOCAL_HEADER.signature) return undefined;
  const nameLength = view.getUint16(26, true);
  const nameEnd = at + LOCAL_HEADER.byteLength + nameLength;
  const name = Buffer.from(await source.read(at + LOCAL_HEADER.byteLength, Math.min(nameEnd, source.byteLength)));
  const byteLength = view.getUint32(18, true);
  const later = (view.getUint16(6, true) & FLAGS.descriptor) !== 0;
  return {
    name: decodeName(name, 0, name.byteLength),
    payload: nameEnd + view.getUint16(28, true),
    known: later || byteLength === SATURATED_32 ? undefined : { byteLength, crc32: view.getUint32(14, true) },
  };
}

type RecordEnd = Pick<ScannedRecord, "end" | "intact">;

async function findRecordEnd(source: ByteSource, { payload, known }: Header): Promise<RecordEnd | undefined> {
  if (known === undefined) return await findDescriptor(source, payload);
  const end = payload + known.byteLength;
  if (end > source.byteLength) return undefined;
  let crc = 0;
  for (let at = payload; at < end; at += WINDOW_BYTES) {
    crc = checksum(await source.read(at, Math.min(at + WINDOW_BYTES, end)), crc);
  }
  return { end, intact: known.crc32 === NO_CHECKSUMS && end > payload ? null : crc === known.crc32 };
}

/** The descriptor behind a payload: its signature, a length that is the distance to the payload, and another header behind it. */
async function findDescriptor(source: ByteSource, payload: number): Promise<RecordEnd | undefined> {
  const { signature, byteLength: shortest, zip64ByteLength: longest } = DATA_DESCRIPTOR;
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(signature);
  let crc = 0;
  let summed = payload;
  for (let at = payload; at + shortest <= source.byteLength; at += WINDOW_BYTES) {
    const bytes = Buffer.from(
      await source.read(at, Math.min(at + WINDOW_BYTES + longest + mark.byteLength, source.byteLength)),
    );
    for (let found = bytes.indexOf(mark); found >= 0 && found < WINDOW_BYTES; found = bytes.indexOf(mark, found + 1)) {
      const length = descriptorLength(bytes.subarray(found), at + found - payload, source.byteLength - at - found);
      if (length === undefined) continue;
      crc = checksum(bytes.subarray(summed - at, found), crc);
      const written = bytes.readUInt32LE(found + 4);
      return { end: at + found + length, intact: written === NO_CHECKSUMS && crc !== 0 ? null : written === crc };
    }
    const windowEnd = Math.min(at + WINDOW_BYTES, source.byteLength);
    crc = checksum(bytes.subarray(summed - at, windowEnd - at), crc);
    summed = windowEnd;
  }
  return undefined;
}

/** 16 or 24 when `bytes` begin with the descriptor of a payload of `distance` bytes; `left` is what the file still has. */
function descriptorLength(bytes: Buffer, distance: number, left: number): number | undefined {
  const view = viewOf(bytes);
  const { byteLength: shortest, zip64ByteLength: longest } = DATA_DESCRIPTOR;
  const followed = (length: number): boolean => left < length + 4 || FOLLOWERS.includes(view.getUint32(length, true));
  if (left >= shortest && view.getUint32(8, true) === distance && followed(shortest)) return shortest;
  if (left >= longest && readUint64(view, 8) === distance && followed(longest)) return longest;
  return undefined;
}
