import type { PyDict, PyValue } from "../pickle/values.js";
import type { StoredTensor } from "../storage/storedTensor.js";

/** state_dict: names to tensors in torch's order, and the `_metadata` versions torch keeps beside them. */
export interface StateDict {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Module path ("" for the root) to its `version`; null when the file has none. */
  readonly versions: ReadonlyMap<string, number> | null;
}

/** A precision plugin's state: its class name is its key in the file (MixedPrecision). */
export interface PrecisionState {
  readonly key: string;
  readonly state: PyDict;
}

/** hparams_name and hyper_parameters, of the module or of the data module. */
export interface HyperParameters {
  readonly name: string;
  readonly values: PyDict;
}

/**
 * Lightning's checkpoint dictionary, key by key, in its order (lightning-checkpoint-format.md, 5.1). What a file does
 * not have is null; what it has beyond these is in `rest`, as it came.
 */
export interface Checkpoint {
  epoch: number;
  globalStep: number;
  /** null: the file does not say, so Lightning itself would refuse it. */
  lightningVersion: string | null;
  stateDict: StateDict;
  loops: PyDict | null;
  callbacks: PyDict | null;
  optimizerStates: readonly PyDict[] | null;
  lrSchedulers: readonly PyDict[] | null;
  precision: PrecisionState | null;
  hyperParameters: HyperParameters | null;
  datamoduleHyperParameters: HyperParameters | null;
  /** State of the data module, under its class name. */
  datamodule: { readonly key: string; readonly state: PyValue } | null;
  /** ltrain's own additions, plain types only: see trainer/checkpointState. */
  ltrain: PyDict | null;
  /** Keys that are none of the above, in their order. */
  rest: ReadonlyMap<string, PyValue>;
}
