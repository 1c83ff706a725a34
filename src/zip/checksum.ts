import { crc32 } from "node:zlib";

/** The native function counts with 32 bits. */
const MAX_PIECE = 1 << 30;

/** CRC-32 of `bytes`, going on from that of what came before. */
export function checksum(bytes: Uint8Array, before = 0): number {
  let value = before;
  for (let start = 0; start < bytes.byteLength; start += MAX_PIECE) {
    value = crc32(bytes.subarray(start, start + MAX_PIECE), value);
  }
  return value;
}

/** A checksum in eight hexadecimal digits, as unzip -v prints it. */
export function hexChecksum(value: number): string {
  return value.toString(16).padStart(8, "0");
}
