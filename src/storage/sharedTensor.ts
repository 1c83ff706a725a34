import type { HostTensor } from "./hostTensor.js";

/** A tensor whose bytes all threads can see: itself where they lie in shared memory already, else a copy that does. */
export function sharedTensor(tensor: HostTensor): HostTensor {
  const { bytes } = tensor;
  if (bytes.buffer instanceof SharedArrayBuffer) return tensor;
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  shared.set(bytes);
  return { ...tensor, bytes: shared };
}
