import type { StoredTensor } from "../storage/storedTensor.js";
import type { PyGlobal, PyStorage, PyTuple, PyValue } from "./values.js";

/** A call that a reader makes to rebuild something: `callable(*args)`. */
export interface Reduction {
  readonly callable: PyGlobal;
  readonly args: PyTuple;
}

/** How the things that only torch knows are written. */
export interface PickleOptions {
  /** The persistent id of a storage. */
  readonly persistentId?: (storage: PyStorage) => PyTuple;
  /** The call that rebuilds a tensor; its arguments hold a PyStorage. */
  readonly reduceTensor?: (tensor: StoredTensor) => Reduction;
}

/** The value as a protocol 2 pickle, memoised as CPython's C pickler does. */
export function pickle(_value: PyValue, _options: PickleOptions = {}): Uint8Array {
  throw new Error("not yet");
}
