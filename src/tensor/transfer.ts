import { LtrainError } from "../errors.js";
import type { DType } from "../storage/dtype.js";
import { float32Tensor, float32Values, type HostTensor } from "../storage/hostTensor.js";
import { castHost, hostNumbers } from "./cast.js";
import { tf, type Tensor } from "./tf.js";

/**
 * Bytes become a tfjs tensor: floats become float32, integers int32, bool stays bool. float32 bytes that lie well are
 * used where they are: they must not change while the tensor lives.
 */
export function fromHost(host: HostTensor): Tensor {
  const shape = [...host.shape];
  switch (host.dtype) {
    case "float32":
      return tf.tensor(float32Values(host), shape, "float32");
    case "bool":
      return tf.tensor(
        Uint8Array.from(host.bytes, (byte) => (byte === 0 ? 0 : 1)),
        shape,
        "bool",
      );
    case "int64":
    case "int32":
    case "int16":
    case "int8":
    case "uint8":
      return tf.tensor(Int32Array.from(hostNumbers(host), inInt32Range), shape, "int32");
    default:
      return tf.tensor(Float32Array.from(hostNumbers(host)), shape, "float32");
  }
}

/** A tfjs tensor becomes bytes of `dtype`. */
export async function toHost(tensor: Tensor, dtype: DType): Promise<HostTensor> {
  const data = await tensor.data();
  const { shape } = tensor;
  if (data instanceof Float32Array) return castHost(float32Tensor(data, shape), dtype);
  const { buffer, byteOffset, byteLength } = data;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return castHost({ dtype: data instanceof Int32Array ? "int32" : "bool", shape, bytes }, dtype);
}

/** tfjs has no int64: a value beyond 32 bits is refused rather than wrapped. */
function inInt32Range(value: number): number {
  if (value !== (value | 0)) {
    throw new LtrainError(
      "data.malformed",
      `the integer ${value} does not fit in 32 bits, which is what tfjs computes in`,
    );
  }
  return value;
}
