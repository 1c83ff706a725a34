/** Elements of `size` bytes with their byte order turned round, in a new array. */
export function swapBytes(bytes: Uint8Array, size: number): Uint8Array {
  const swapped = Buffer.from(bytes); // copies
  if (size === 2) swapped.swap16();
  else if (size === 4) swapped.swap32();
  else if (size === 8) swapped.swap64();
  return new Uint8Array(swapped.buffer, swapped.byteOffset, swapped.byteLength);
}
