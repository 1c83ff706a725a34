import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import type { Checkpoint, HyperParameters, StateDict } from "./checkpoint.js";
import { CHECKPOINT_KEYS } from "./checkpoint.js";

/** A Checkpoint as the dict that Lightning writes, in its key order; parts that are null leave no key. */
export function dumpCheckpoint(checkpoint: Checkpoint): PyDict {
  const dict = new PyDict();
  const set = (key: string, value: PyValue | null): void => {
    if (value !== null) dict.set(key, value);
  };
  set(CHECKPOINT_KEYS.epoch, checkpoint.epoch);
  set(CHECKPOINT_KEYS.globalStep, checkpoint.globalStep);
  set(CHECKPOINT_KEYS.lightningVersion, checkpoint.lightningVersion);
  set(CHECKPOINT_KEYS.stateDict, dumpStateDict(checkpoint.stateDict));
  set(CHECKPOINT_KEYS.loops, checkpoint.loops);
  set(CHECKPOINT_KEYS.callbacks, checkpoint.callbacks);
  set(CHECKPOINT_KEYS.optimizerStates, listOrNull(checkpoint.optimizerStates));
  set(CHECKPOINT_KEYS.lrSchedulers, listOrNull(checkpoint.lrSchedulers));
  if (checkpoint.precision !== null) set(checkpoint.precision.key, checkpoint.precision.state);
  setHyperParameters(dict, checkpoint.hyperParameters, CHECKPOINT_KEYS.hparamsName, CHECKPOINT_KEYS.hyperParameters);
  setHyperParameters(
    dict,
    checkpoint.datamoduleHyperParameters,
    CHECKPOINT_KEYS.datamoduleHparamsName,
    CHECKPOINT_KEYS.datamoduleHyperParameters,
  );
  if (checkpoint.datamodule !== null) dict.set(checkpoint.datamodule.key, checkpoint.datamodule.state);
  for (const [key, value] of checkpoint.rest) dict.set(key, value);
  set(CHECKPOINT_KEYS.ltrain, checkpoint.ltrain);
  return dict;
}

/** A state_dict as torch writes it: an OrderedDict with the modules' versions as its `_metadata`. */
export function dumpStateDict(stateDict: StateDict): PyDict {
  const { tensors, versions, extraState } = stateDict;
  const dict = new PyDict([], "OrderedDict");
  for (const name of stateDict.order ?? [...tensors.keys(), ...(extraState?.keys() ?? [])]) {
    const value = tensors.get(name) ?? extraState?.get(name);
    if (value !== undefined) dict.set(name, value);
  }
  if (versions !== null) {
    const metadata = [...versions].map(([path, version]) => [path, PyDict.from({ version })] as const);
    dict.attributes = PyDict.from({ _metadata: new PyDict(metadata, "OrderedDict") });
  }
  return dict;
}

function setHyperParameters(dict: PyDict, hparams: HyperParameters | null, nameKey: string, valuesKey: string): void {
  if (hparams === null) return;
  if (hparams.name !== null) dict.set(nameKey, hparams.name);
  dict.set(valuesKey, hparams.values);
}

function listOrNull(dicts: readonly PyDict[] | null): PyValue[] | null {
  return dicts === null ? null : [...dicts];
}
