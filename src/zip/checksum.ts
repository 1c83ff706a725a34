import { crc32 } from "node:zlib";

/** The native function counts with 32 bits. */
const MAX_PIECE = 1 << 30;
/** To load zlib takes as long as these many bytes do here: who only lists a checkpoint sums up its pickle, and no more. */
const SUMMED_HERE = 1 << 16;

let left = SUMMED_HERE;

/** CRC-32 of `bytes`, going on from that of what came before. */
export function checksum(bytes: Uint8Array, before = 0): number {
  left -= bytes.byteLength;
  if (left >= 0) return sumUp(bytes, before);
  left = 0;
  let value = before;
  for (let start = 0; start < bytes.byteLength; start += MAX_PIECE) {
    value = crc32(bytes.subarray(start, start + MAX_PIECE), value);
  }
  return value;
}

let table: Int32Array | undefined;

/** The remainders of all bytes by the polynomial 0xEDB88320, bits in reverse (RFC 1952, 8). */
function remainders(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let rest = byte;
    for (let bit = 0; bit < 8; bit += 1) rest = (rest & 1) === 0 ? rest >>> 1 : (rest >>> 1) ^ 0xedb88320;
    return rest;
  });
}

function sumUp(bytes: Uint8Array, before: number): number {
  table ??= remainders();
  let value = ~before;
  for (const byte of bytes) value = (table[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
}

/** A checksum in eight hexadecimal digits, as unzip -v prints it. */
export function hexChecksum(value: number): string {
  return value.toString(16).padStart(8, "0");
}
