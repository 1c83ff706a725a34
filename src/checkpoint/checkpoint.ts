import type { PyDict, PyValue } from "../pickle/values.js";
import type { StoredTensor } from "../storage/storedTensor.js";

/** state_dict: names to tensors in torch's order, and the `_metadata` versions torch keeps beside them. */
export interface StateDict {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Module path ("" for the root) to its `version`; null when the file has none. */
  readonly versions: ReadonlyMap<string, number> | null;
  /** What is among the tensors and is none: `_extra_state`, quantized and sparse tensors. Absent when there is none. */
  readonly extraState?: ReadonlyMap<string, PyValue>;
  /** All names in the file's order; needed only when there is extra state between the tensors. */
  readonly order?: readonly string[];
}

/** A precision plugin's state: its class name is its key in the file (MixedPrecision). */
export interface PrecisionState {
  readonly key: string;
  readonly state: PyDict;
}

/** hparams_name and hyper_parameters, of the module or of the data module. */
export interface HyperParameters {
  /** What the constructor called them; null when the file does not say (Lightning writes "kwargs"). */
  readonly name: string | null;
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

/** How the parts are called in the file, in Lightning's order; parse and dump both read this table. */
export const CHECKPOINT_KEYS = {
  epoch: "epoch",
  globalStep: "global_step",
  lightningVersion: "pytorch-lightning_version",
  stateDict: "state_dict",
  loops: "loops",
  callbacks: "callbacks",
  optimizerStates: "optimizer_states",
  lrSchedulers: "lr_schedulers",
  hparamsName: "hparams_name",
  hyperParameters: "hyper_parameters",
  datamoduleHparamsName: "datamodule_hparams_name",
  datamoduleHyperParameters: "datamodule_hyper_parameters",
  ltrain: "ltrain",
} as const;

/** The Lightning whose checkpoints are written here; a reader older than it only warns. */
export const LIGHTNING_VERSION = "2.6.6";

/** A checkpoint with nothing in it, to start from. */
export function emptyCheckpoint(): Checkpoint {
  return {
    epoch: 0,
    globalStep: 0,
    lightningVersion: null,
    stateDict: { tensors: new Map(), versions: null },
    loops: null,
    callbacks: null,
    optimizerStates: null,
    lrSchedulers: null,
    precision: null,
    hyperParameters: null,
    datamoduleHyperParameters: null,
    datamodule: null,
    ltrain: null,
    rest: new Map(),
  };
}
