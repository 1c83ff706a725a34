import type { DType } from "../storage/dtype.js";
import type { Allot, HostTensor } from "../storage/hostTensor.js";
import { narrowArray, widenArray } from "../storage/float16.js";
import type { ElementType } from "./graph.js";

/** Typed arrays that a graph's inputs and outputs lie in on the host. */
export type HostArray = Float32Array | Int32Array | Uint8Array;

/** The type a checkpoint's dtype is computed in: int64 in int32, half precisions in float32, as the other engines do. */
export function computeType(dtype: DType): "float32" | "int32" | "bool" {
  switch (dtype) {
    case "bool":
      return "bool";
    case "float32":
    case "float64":
    case "float16":
    case "bfloat16":
      return "float32";
    case "int64":
    case "int32":
    case "int16":
    case "int8":
    case "uint8":
    case "uint16":
      return "int32";
    default:
      throw new TypeError(`nothing is computed in ${dtype}`);
  }
}

/** The elements of a HostTensor in its compute type: a view where the bytes allow it, else a converted copy. */
export function toCompute(host: HostTensor): HostArray {
  const { bytes } = host;
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset, byteLength } = aligned;
  switch (host.dtype) {
    case "float32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "int32":
      return new Int32Array(buffer, byteOffset, byteLength / 4);
    case "bool":
      return aligned;
    case "int64":
      return int64ToInt32(new BigInt64Array(buffer, byteOffset, byteLength / 8));
    case "float64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8));
    case "float16":
    case "bfloat16":
      return widenArray(new Uint16Array(buffer, byteOffset, byteLength / 2), host.dtype);
    case "uint8":
      return Int32Array.from(aligned);
    case "int8":
      return Int32Array.from(new Int8Array(buffer, byteOffset, byteLength));
    case "int16":
      return Int32Array.from(new Int16Array(buffer, byteOffset, byteLength / 2));
    case "uint16":
      return Int32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2));
    default:
      throw new TypeError(`no way from ${host.dtype} to what the engine computes in`);
  }
}

/** Elements as bytes of `dtype`: always a copy, in memory of `allot`'s where given: the engine writes on into its buffers. */
export function fromCompute(values: HostArray, dtype: DType, shape: readonly number[], allot?: Allot): HostTensor {
  // The same bits: to copy them into memory that is there is many times as fast as to make an array.
  if (allot !== undefined && (dtype === "float32" || dtype === "int32")) {
    const bytes = allot(values.byteLength);
    bytes.set(bytesOf(values));
    return { dtype, shape, bytes };
  }
  return { dtype, shape, bytes: bytesOf(convert(values, dtype)) };
}

function convert(values: HostArray, dtype: DType): ArrayBufferView {
  switch (dtype) {
    case "float32":
      return Float32Array.from(values);
    case "int32":
      return Int32Array.from(values);
    case "bool":
      return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
    case "int64":
      return BigInt64Array.from(values as ArrayLike<number>, BigInt);
    case "float64":
      return Float64Array.from(values);
    case "float16":
    case "bfloat16":
      return narrowArray(Float32Array.from(values), dtype);
    case "uint8":
      return Uint8Array.from(values);
    case "int8":
      return Int8Array.from(values);
    case "int16":
      return Int16Array.from(values);
    case "uint16":
      return Uint16Array.from(values);
    default:
      throw new TypeError(`no way from what the engine computes in to ${dtype}`);
  }
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** An int64 that does not fit is an error: labels and counters fit, and a silent wrap would be a wrong label. */
function int64ToInt32(values: BigInt64Array): Int32Array {
  return Int32Array.from(values as ArrayLike<bigint>, (value: bigint) => {
    const narrow = Number(value);
    if (narrow !== (narrow | 0)) throw new RangeError(`${value} does not fit into int32`);
    return narrow;
  });
}

/** An array of zeros for `count` elements. */
export function hostArray(dtype: ElementType, count: number): HostArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(count);
    case "int32":
      return new Int32Array(count);
    case "bool":
      return new Uint8Array(count);
    default:
      throw new TypeError(`no input or output of a step is ${dtype}`);
  }
}
