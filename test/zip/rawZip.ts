import { checksum } from "../../src/zip/checksum.js";

/** One record of an archive that says what it is told to say. */
export interface RawRecord {
  readonly name: string | Buffer;
  readonly payload: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  readonly crc32?: number;
  readonly byteLength?: number;
  readonly compressedLength?: number;
  /** Where the directory says the local header is. */
  readonly offset?: number;
  readonly localName?: string | Buffer;
  readonly extra?: Uint8Array;
}

/** What the end record says, where that is not the truth. */
export interface RawEnd {
  readonly entryCount?: number;
  readonly directoryLength?: number;
  readonly directoryOffset?: number;
  readonly comment?: Uint8Array;
  readonly prefix?: Uint8Array;
}

/** An ordinary zip archive, byte by byte, with lies where they are asked for. */
export function rawZip(records: readonly RawRecord[], end: RawEnd = {}): Buffer {
  const parts: Buffer[] = [Buffer.from(end.prefix ?? [])];
  const directory: Buffer[] = [];
  let at = parts[0]?.length ?? 0;
  for (const record of records) {
    const { payload, method = 0, flags = 0x800 } = record;
    const name = Buffer.from(record.name);
    const localName = Buffer.from(record.localName ?? record.name);
    const crc = record.crc32 ?? checksum(payload);
    const compressedLength = record.compressedLength ?? payload.byteLength;
    const byteLength = record.byteLength ?? payload.byteLength;
    const extra = Buffer.from(record.extra ?? []);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(flags, 2);
    shared.writeUInt16LE(method, 4);
    shared.writeUInt32LE(crc >>> 0, 10);
    shared.writeUInt32LE(compressedLength, 14);
    shared.writeUInt32LE(byteLength, 18);
    shared.writeUInt16LE(localName.length, 22);
    shared.writeUInt16LE(extra.length, 24);
    parts.push(signature(0x04034b50), shared, localName, extra, Buffer.from(payload));
    const entry = Buffer.alloc(42);
    shared.copy(entry, 2);
    entry.writeUInt16LE(name.length, 24);
    entry.writeUInt16LE(0, 26);
    entry.writeUInt32LE(record.offset ?? at, 38);
    directory.push(signature(0x02014b50), entry, name);
    at += 30 + localName.length + extra.length + payload.byteLength;
  }
  const directoryLength = directory.reduce((sum, part) => sum + part.length, 0);
  const comment = Buffer.from(end.comment ?? []);
  const last = Buffer.alloc(18);
  last.writeUInt16LE(end.entryCount ?? records.length, 4);
  last.writeUInt16LE(end.entryCount ?? records.length, 6);
  last.writeUInt32LE(end.directoryLength ?? directoryLength, 8);
  last.writeUInt32LE(end.directoryOffset ?? at, 12);
  last.writeUInt16LE(comment.length, 16);
  return Buffer.concat([...parts, ...directory, signature(0x06054b50), last, comment]);
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
