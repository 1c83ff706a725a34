import type { HostTensor } from "./hostTensor.js";
import type { StoredTensor } from "./storedTensor.js";

/** The elements of a tensor at rest, gathered into contiguous row-major bytes. */
export function readTensor(_tensor: StoredTensor): Promise<HostTensor> {
  throw new Error("not yet");
}
