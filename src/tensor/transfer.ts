import { LtrainError } from "../errors.js";
import type { DType } from "../storage/dtype.js";
import { float32Tensor, float32Values, type HostTensor } from "../storage/hostTensor.js";
import { castHost, hostNumbers } from "./cast.js";
import { tf, type Tensor } from "./tf.js";

/** The elements of a tensor in the type that tfjs computes in. */
export type ComputeValues =
  | { readonly dtype: "float32"; readonly values: Float32Array }
  | { readonly dtype: "int32"; readonly values: Int32Array }
  | { readonly dtype: "bool"; readonly values: Uint8Array };

/**
 * Bytes become a tfjs tensor: floats become float32, integers int32, bool stays bool. float32 bytes that lie well are
 * used where they are: they must not change while the tensor lives.
 */
export function fromHost(host: HostTensor): Tensor {
  const { values, dtype } = computeValues(host);
  return tf.tensor(values, [...host.shape], dtype);
}

/** The elements as fromHost takes them: a view where the bytes allow it, else a converted copy. */
export function computeValues(host: HostTensor): ComputeValues {
  switch (host.dtype) {
    case "float32":
      return { dtype: "float32", values: float32Values(host) };
    case "bool":
      return { dtype: "bool", values: host.bytes.map((byte) => (byte === 0 ? 0 : 1)) };
    case "uint8":
      return { dtype: "int32", values: Int32Array.from(host.bytes) };
    case "int64":
      return { dtype: "int32", values: narrowInt64(host) };
    case "int32":
    case "int16":
    case "int8":
      return { dtype: "int32", values: Int32Array.from(hostNumbers(host)) };
    default:
      return { dtype: "float32", values: Float32Array.from(hostNumbers(host)) };
  }
}

/** A tfjs tensor becomes bytes of `dtype`. */
export async function toHost(tensor: Tensor, dtype: DType): Promise<HostTensor> {
  return hostOf(await tensor.data(), tensor.shape, dtype);
}

/** Elements in the type that tfjs computes in become bytes of `dtype`. */
export function hostOf(values: ComputeValues["values"], shape: readonly number[], dtype: DType): HostTensor {
  if (values instanceof Float32Array) return castHost(float32Tensor(values, shape), dtype);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return castHost({ dtype: values instanceof Int32Array ? "int32" : "bool", shape, bytes }, dtype);
}

/** tfjs has no int64: a value beyond 32 bits is refused rather than wrapped. */
function narrowInt64({ bytes }: HostTensor): Int32Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const halves = new Int32Array(buffer, byteOffset, byteLength / 4);
  return Int32Array.from({ length: byteLength / 8 }, (_, i) => {
    const low = halves[2 * i] ?? 0;
    const high = halves[2 * i + 1] ?? 0;
    if (high === low >> 31) return low; // its upper half only repeats the sign
    const value = BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low >>> 0));
    throw new LtrainError(
      "data.malformed",
      `the integer ${value} does not fit in 32 bits, which is what tfjs computes in`,
    );
  });
}
