import type { DType } from "../storage/dtype.js";
import type { HostTensor } from "../storage/hostTensor.js";
import type { Tensor } from "./tf.js";
import { tf } from "./tf.js";

/** Bytes become a tfjs tensor; int64, uint8 and the like become int32, half precisions become float32. */
export function fromHost(host: HostTensor): Tensor {
  throw new Error(`not written: ${host.dtype} ${typeof tf}`);
}

/** A tfjs tensor becomes bytes of `dtype` (float32, int64, int32, uint8, bool …). */
export function toHost(tensor: Tensor, dtype: DType): Promise<HostTensor> {
  throw new Error(`not written: ${dtype} ${tensor.shape.join()}`);
}
