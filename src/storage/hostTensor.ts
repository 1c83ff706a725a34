import type { DType } from "./dtype.js";
import { itemSize } from "./dtype.js";

/** A tensor in memory: contiguous, row-major, little-endian bytes. `bytes.byteLength` is numel(shape) × item size. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Gives memory that so many bytes may be copied into. */
export type Allot = (byteLength: number) => Uint8Array;

/** Number of elements of a shape; the empty shape is a scalar and has one. */
export function numelOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A float32 HostTensor over `values`, without a copy. */
export function float32Tensor(values: Float32Array, shape: readonly number[]): HostTensor {
  return {
    dtype: "float32",
    shape,
    bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

/** A 0-dim float32 tensor, as torch keeps an optimizer's `step` and a callback's score. */
export function scalarTensor(value: number): HostTensor {
  return float32Tensor(Float32Array.of(value), []);
}

/** A zero-filled tensor of any dtype. */
export function zerosTensor(dtype: DType, shape: readonly number[]): HostTensor {
  return { dtype, shape, bytes: new Uint8Array(numelOf(shape) * itemSize(dtype)) };
}

/** The float32 values of a tensor as an array view where its bytes are aligned, a copy where they are not. */
export function float32Values(tensor: HostTensor): Float32Array {
  const { bytes } = tensor;
  if (tensor.dtype !== "float32") throw new TypeError(`float32 expected, got ${tensor.dtype}`);
  if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return new Float32Array(bytes.slice().buffer);
}
