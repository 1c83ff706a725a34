import {
  DIRECTORY_ENTRY,
  END_RECORD,
  FLAGS,
  LOCAL_HEADER,
  PADDING_EXTRA,
  SATURATED_16,
  SATURATED_32,
  viewOf,
  ZIP64_END_RECORD,
  ZIP64_EXTRA,
  ZIP64_LOCATOR,
} from "./records.js";

/** What a directory entry is made from. */
interface Written {
  readonly name: string;
  readonly crc32: number;
  readonly byteLength: number;
  readonly offset: number;
}

const BLOCK_HEADER = 4;
const PADDING_BYTE = 0x5a;

/** torch's flags: a descriptor follows (not for an empty record), and the name is UTF-8. */
function flagsOf(byteLength: number): number {
  return byteLength > 0 ? FLAGS.utf8 | FLAGS.descriptor : FLAGS.utf8;
}

/** The local header of a record at `offset`, padded so that its payload starts at a multiple of `alignment`. */
export function localHeader(name: string, byteLength: number, offset: number, alignment: number): Uint8Array {
  const nameBytes = new TextEncoder().encode(name);
  const zip64 = zip64Block(byteLength >= SATURATED_32 ? [byteLength, 0] : [], offset);
  const unpadded = LOCAL_HEADER.byteLength + nameBytes.byteLength + zip64.byteLength + BLOCK_HEADER;
  const padding = (alignment - ((offset + unpadded) % alignment)) % alignment;
  const bytes = new Uint8Array(unpadded + padding);
  const view = viewOf(bytes);
  view.setUint32(0, LOCAL_HEADER.signature, true);
  view.setUint16(6, flagsOf(byteLength), true);
  view.setUint16(26, nameBytes.byteLength, true);
  view.setUint16(28, zip64.byteLength + BLOCK_HEADER + padding, true);
  bytes.set(nameBytes, LOCAL_HEADER.byteLength);
  bytes.set(zip64, LOCAL_HEADER.byteLength + nameBytes.byteLength);
  view.setUint16(unpadded - BLOCK_HEADER, PADDING_EXTRA, true);
  view.setUint16(unpadded - BLOCK_HEADER + 2, padding, true);
  bytes.fill(PADDING_BYTE, unpadded);
  return bytes;
}

/** A record's entry in the central directory. */
export function directoryEntry(record: Written): Uint8Array {
  const { name, crc32, byteLength, offset } = record;
  const nameBytes = new TextEncoder().encode(name);
  const zip64 = zip64Block(byteLength >= SATURATED_32 ? [byteLength, byteLength] : [], offset);
  const bytes = new Uint8Array(DIRECTORY_ENTRY.byteLength + nameBytes.byteLength + zip64.byteLength);
  const view = viewOf(bytes);
  view.setUint32(0, DIRECTORY_ENTRY.signature, true);
  view.setUint16(8, flagsOf(byteLength), true);
  view.setUint32(16, crc32, true);
  view.setUint32(20, Math.min(byteLength, SATURATED_32), true);
  view.setUint32(24, Math.min(byteLength, SATURATED_32), true);
  view.setUint16(28, nameBytes.byteLength, true);
  view.setUint16(30, zip64.byteLength, true);
  view.setUint32(42, Math.min(offset, SATURATED_32), true);
  bytes.set(nameBytes, DIRECTORY_ENTRY.byteLength);
  bytes.set(zip64, DIRECTORY_ENTRY.byteLength + nameBytes.byteLength);
  return bytes;
}

/** The 64-bit lengths, and the offset when it needs 64 bits; nothing when neither does. */
function zip64Block(lengths: readonly number[], offset: number): Uint8Array {
  const numbers = offset >= SATURATED_32 ? [...lengths, offset] : lengths;
  if (numbers.length === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(BLOCK_HEADER + 8 * numbers.length);
  const view = viewOf(bytes);
  view.setUint16(0, ZIP64_EXTRA, true);
  view.setUint16(2, 8 * numbers.length, true);
  numbers.forEach((number, i) => {
    view.setBigUint64(BLOCK_HEADER + 8 * i, BigInt(number), true);
  });
  return bytes;
}

/** The zip64 end record, its locator and the end record; torch writes all three for every file, however small. */
export function endRecords(entryCount: number, offset: number, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(ZIP64_END_RECORD.byteLength + ZIP64_LOCATOR.byteLength + END_RECORD.byteLength);
  const view = viewOf(bytes);
  view.setUint32(0, ZIP64_END_RECORD.signature, true);
  view.setBigUint64(4, BigInt(ZIP64_END_RECORD.byteLength - 12), true); // what follows this field
  view.setUint16(12, 0x031e, true); // made by zip 3.0 on Unix, says miniz
  view.setUint16(14, 45, true); // needs a reader of zip 4.5, which knows zip64
  view.setBigUint64(24, BigInt(entryCount), true);
  view.setBigUint64(32, BigInt(entryCount), true);
  view.setBigUint64(40, BigInt(byteLength), true);
  view.setBigUint64(48, BigInt(offset), true);
  const locator = ZIP64_END_RECORD.byteLength;
  view.setUint32(locator, ZIP64_LOCATOR.signature, true);
  view.setBigUint64(locator + 8, BigInt(offset + byteLength), true);
  view.setUint32(locator + 16, 1, true); // disks
  const end = locator + ZIP64_LOCATOR.byteLength;
  view.setUint32(end, END_RECORD.signature, true);
  view.setUint16(end + 8, Math.min(entryCount, SATURATED_16), true);
  view.setUint16(end + 10, Math.min(entryCount, SATURATED_16), true);
  view.setUint32(end + 12, Math.min(byteLength, SATURATED_32), true);
  view.setUint32(end + 16, Math.min(offset, SATURATED_32), true);
  // An archive of nothing, which torch never writes, is known by its first bytes: those of the end record.
  return entryCount === 0 ? bytes.subarray(end) : bytes;
}
