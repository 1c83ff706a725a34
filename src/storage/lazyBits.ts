import type { DType } from "./dtype.js";
import { itemSize } from "./dtype.js";

const SIGN_BIT = 0x80;

/** Bytes of the float whose sign decides, for complex dtypes the half of an element. */
function partSize(dtype: DType): number {
  return dtype.startsWith("complex") ? itemSize(dtype) / 2 : itemSize(dtype);
}

/** Turn the sign of every imaginary part: what torch does when a tensor with its conjugate bit is at last looked at. */
export function conjugateInPlace(bytes: Uint8Array, dtype: DType): void {
  if (!dtype.startsWith("complex")) return;
  flipSigns(bytes, itemSize(dtype), itemSize(dtype) - 1);
}

/** Turn the sign of every number, real and imaginary; torch sets the negative bit on floats only. */
export function negateInPlace(bytes: Uint8Array, dtype: DType): void {
  const size = partSize(dtype);
  flipSigns(bytes, size, size - 1);
}

function flipSigns(bytes: Uint8Array, step: number, first: number): void {
  for (let at = first; at < bytes.byteLength; at += step) bytes[at] = (bytes[at] ?? 0) ^ SIGN_BIT;
}
