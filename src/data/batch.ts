import type { HostTensor } from "../storage/hostTensor.js";

/** What one step is given: tensors in whatever lists and objects the dataset builds. */
export type Batch = HostTensor | readonly Batch[] | { readonly [key: string]: Batch };

/** Whether a node of a batch is a tensor, and not a list or an object of them. */
export function isHostTensor(batch: Batch): batch is HostTensor {
  return "bytes" in batch && batch.bytes instanceof Uint8Array;
}
