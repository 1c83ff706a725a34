/** Signatures and fixed sizes of a zip archive's structures (APPNOTE.TXT, 4.3). */
export const LOCAL_HEADER = { signature: 0x04034b50, byteLength: 30 } as const;
/** After a record's payload: its checksum and lengths. */
export const DATA_DESCRIPTOR = { signature: 0x08074b50, byteLength: 16, zip64ByteLength: 24 } as const;
/** One per record in the central directory. */
export const DIRECTORY_ENTRY = { signature: 0x02014b50, byteLength: 46 } as const;
/** Where the central directory lies; the last structure of every archive. */
export const END_RECORD = { signature: 0x06054b50, byteLength: 22 } as const;
/** The same with 64-bit numbers. */
export const ZIP64_END_RECORD = { signature: 0x06064b50, byteLength: 56 } as const;
/** Where the zip64 end record lies; directly in front of the end record. */
export const ZIP64_LOCATOR = { signature: 0x07064b50, byteLength: 20 } as const;

/** A 16-bit field with this value says: look in the zip64 record. */
export const SATURATED_16 = 0xffff;
/** A 32-bit field with this value says: look in the zip64 record. */
export const SATURATED_32 = 0xffffffff;
/** The extra block that holds 64-bit lengths and offsets. */
export const ZIP64_EXTRA = 0x0001;
/** torch's padding block, the letters "FB". */
export const PADDING_EXTRA = 0x4246;

/** How a record's bytes are kept. */
export const METHODS: ReadonlyMap<number, string> = new Map([
  [0, "stored"],
  [8, "deflated"],
  [9, "deflate64"],
  [12, "bzip2"],
  [14, "lzma"],
  [93, "zstandard"],
  [95, "xz"],
  [99, "encrypted (AES)"],
]);

/** Bits of the flags of a record. */
export const FLAGS = { encrypted: 0x0001, descriptor: 0x0008, utf8: 0x0800 } as const;

/** A 64-bit number of a file that is a length or an offset; beyond 2^53 it is infinite, and every bound refuses it. */
export function readUint64(view: DataView, offset: number): number {
  const value = view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
  return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
}

/** A DataView over exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Names are UTF-8 whether or not the flag says so; bytes that are not are kept, one character each. */
export function decodeName(buffer: Buffer, start: number, end: number): string {
  const name = buffer.toString("utf8", start, end);
  // U+FFFD stands for what is not UTF-8, unless it was written: then it is its own three bytes.
  const isText = !name.includes("\ufffd") || Buffer.from(name).equals(buffer.subarray(start, end));
  return isText ? name : buffer.toString("latin1", start, end);
}
