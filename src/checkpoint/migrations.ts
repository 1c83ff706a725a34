import { asNumber } from "../pickle/convert.js";
import type { PyValue } from "../pickle/values.js";
import { PyDict, PyGlobal } from "../pickle/values.js";

/** One change of Lightning's layout: files older than `before` are brought to what that version writes. */
export interface Migration {
  readonly before: string;
  readonly migrate: (checkpoint: PyDict) => void;
}

/**
 * Oldest first, as Lightning 2.6.6 has them (pytorch_lightning/utilities/migration). Each may change the dict it is
 * given, `loops` and `callbacks` included, and leaves alone what it does not find.
 */
export const MIGRATIONS: readonly Migration[] = [
  { before: "0.10.0", migrate: callbackStatesFromTopLevel },
  { before: "1.0.0", migrate: hyperParameterNames },
  { before: "1.6.0", migrate: countersIntoLoops },
  { before: "1.6.5", migrate: batchesThatStepped },
  { before: "1.9.0", migrate: modelCheckpointKeys },
  { before: "2.0.0", migrate: loopsOfTwo },
];

/** Where 0.9 kept what callbacks know. Lightning files it under the class itself, as 0.10 to 1.4 did. */
const TOP_LEVEL_STATES: readonly [key: string, callback: PyGlobal, field: string][] = [
  ["checkpoint_callback_best_model_score", modelCheckpointClass(), "best_model_score"],
  ["checkpoint_callback_best_model_path", modelCheckpointClass(), "best_model_path"],
  ["checkpoint_callback_best", modelCheckpointClass(), "best_model_score"],
  ["early_stop_callback_wait", earlyStoppingClass(), "wait_count"],
  ["early_stop_callback_patience", earlyStoppingClass(), "patience"],
];

function modelCheckpointClass(): PyGlobal {
  return new PyGlobal("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint");
}

function earlyStoppingClass(): PyGlobal {
  return new PyGlobal("pytorch_lightning.callbacks.early_stopping", "EarlyStopping");
}

function callbackStatesFromTopLevel(checkpoint: PyDict): void {
  const callbacks = ensureDict(checkpoint, "callbacks");
  for (const [key, callback, field] of TOP_LEVEL_STATES) {
    const value = checkpoint.get(key);
    if (value === undefined) continue;
    ensureDict(callbacks, callback).set(field, value);
    checkpoint.delete(key);
  }
}

/** What `load_from_checkpoint` falls back to. */
function hyperParameterNames(checkpoint: PyDict): void {
  for (const old of ["hparams", "module_arguments"]) {
    if (!checkpoint.has("hyper_parameters")) rename(checkpoint, old, "hyper_parameters");
  }
}

/** Before 1.6 only the two numbers at the top said where the run was. */
function countersIntoLoops(checkpoint: PyDict): void {
  const fitLoop = ensureDict(ensureDict(checkpoint, "loops"), "fit_loop", initialFitLoop);
  const steps = asNumber(checkpoint.get("global_step")) ?? 0;
  const epoch = asNumber(checkpoint.get("epoch")) ?? 0;
  const batchLoop = "epoch_loop.batch_loop";
  dictAt(fitLoop, `${batchLoop}.optimizer_loop.optim_progress`, "optimizer", "step", "total")?.set("completed", steps);
  dictAt(fitLoop, `${batchLoop}.manual_loop.optim_step_progress`, "total")?.set("completed", steps);
  dictAt(fitLoop, "epoch_progress", "current")?.set("completed", epoch);
}

function batchesThatStepped(checkpoint: PyDict): void {
  const state = dictAt(checkpoint, "loops", "fit_loop", "epoch_loop.state_dict");
  const steps = asNumber(checkpoint.get("global_step")) ?? 0;
  if (state !== undefined && !state.has("_batches_that_stepped")) state.set("_batches_that_stepped", steps);
}

/** A setting left ModelCheckpoint's state key. Keys that are classes, or that would become equal, are all left as they are. */
function modelCheckpointKeys(checkpoint: PyDict): void {
  const callbacks = checkpoint.get("callbacks");
  if (!(callbacks instanceof PyDict)) return;
  const renamed = new PyDict([], callbacks.kind);
  for (const [key, state] of callbacks) {
    if (typeof key !== "string") continue;
    const setting = /, 'save_on_train_epoch_end': (None|True|False)/g;
    renamed.set(key.startsWith("ModelCheckpoint") ? key.replace(setting, "") : key, state);
  }
  if (renamed.size === callbacks.size) checkpoint.set("callbacks", renamed);
}

/** Apex is gone; the loops over batches of a split sequence, over optimizers and over loaders have become one with those around them. */
function loopsOfTwo(checkpoint: PyDict): void {
  checkpoint.delete("amp_scaling_state");
  const loops = checkpoint.get("loops");
  if (!(loops instanceof PyDict)) return;
  const fitLoop = loops.get("fit_loop");
  if (fitLoop instanceof PyDict) flattenFitLoop(fitLoop);
  for (const name of ["predict_loop", "validate_loop", "test_loop"]) {
    const loop = loops.get(name);
    if (!(loop instanceof PyDict)) continue;
    loop.delete("dataloader_progress");
    for (const key of loop.keys()) {
      if (typeof key === "string" && key.startsWith("epoch_loop.")) move(loop, key, key.slice("epoch_loop.".length));
    }
  }
}

function flattenFitLoop(fitLoop: PyDict): void {
  const batchLoop = "epoch_loop.batch_loop";
  for (const inner of ["manual_loop.optim_step_progress", "manual_loop.state_dict"]) {
    move(fitLoop, `${batchLoop}.${inner}`, `epoch_loop.${inner}`);
  }
  for (const inner of ["optimizer_loop.optim_progress", "optimizer_loop.state_dict"]) {
    move(fitLoop, `${batchLoop}.${inner}`, `epoch_loop.${inner}`);
  }
  const batchState = fitLoop.get(`${batchLoop}.state_dict`);
  const epochState = fitLoop.get("epoch_loop.state_dict");
  if (batchState instanceof PyDict && batchState.size > 0 && epochState instanceof PyDict) {
    epochState.set("old_batch_loop_state_dict", batchState);
  }
  fitLoop.delete(`${batchLoop}.state_dict`);
  const progress = fitLoop.get("epoch_loop.optimizer_loop.optim_progress");
  if (progress instanceof PyDict) progress.delete("optimizer_position");
  if (fitLoop.has("epoch_loop.optimizer_loop.state_dict")) {
    move(fitLoop, "epoch_loop.optimizer_loop.state_dict", "epoch_loop.automatic_optimization.state_dict");
    move(fitLoop, "epoch_loop.optimizer_loop.optim_progress", "epoch_loop.automatic_optimization.optim_progress");
  }
  if (fitLoop.has("epoch_loop.manual_loop.state_dict")) {
    move(fitLoop, "epoch_loop.manual_loop.state_dict", "epoch_loop.manual_optimization.state_dict");
    const manual = "epoch_loop.manual_optimization.optim_step_progress";
    move(fitLoop, "epoch_loop.manual_loop.optim_step_progress", manual);
  }
}

/** What 1.6.0 saved before the first step; older files have less. */
function initialFitLoop(): PyDict {
  const short = (): PyDict => PyDict.from({ completed: 0, ready: 0 });
  const middle = (): PyDict => PyDict.from({ completed: 0, ready: 0, started: 0 });
  const long = (): PyDict => PyDict.from({ completed: 0, processed: 0, ready: 0, started: 0 });
  const progress = (counters: () => PyDict): PyDict => PyDict.from({ current: counters(), total: counters() });
  const batches = (): PyDict => PyDict.from({ current: long(), is_last_batch: false, total: long() });
  return PyDict.from({
    "epoch_loop.batch_loop.manual_loop.optim_step_progress": progress(short),
    "epoch_loop.batch_loop.manual_loop.state_dict": new PyDict(),
    "epoch_loop.batch_loop.optimizer_loop.optim_progress": PyDict.from({
      optimizer: PyDict.from({ step: progress(short), zero_grad: progress(middle) }),
      optimizer_position: 0,
    }),
    "epoch_loop.batch_loop.optimizer_loop.state_dict": new PyDict(),
    "epoch_loop.batch_loop.state_dict": new PyDict(),
    "epoch_loop.batch_progress": batches(),
    "epoch_loop.scheduler_progress": progress(short),
    "epoch_loop.state_dict": PyDict.from({ _batches_that_stepped: 0 }),
    "epoch_loop.val_loop.dataloader_progress": progress(short),
    "epoch_loop.val_loop.epoch_loop.batch_progress": batches(),
    "epoch_loop.val_loop.epoch_loop.state_dict": new PyDict(),
    "epoch_loop.val_loop.state_dict": new PyDict(),
    epoch_progress: progress(long),
    state_dict: new PyDict(),
  });
}

/** The dict under a key; where there is none, one is put there. */
function ensureDict(dict: PyDict, key: PyValue, make: () => PyDict = () => new PyDict()): PyDict {
  const known = dict.get(key);
  if (known instanceof PyDict) return known;
  const made = make();
  dict.set(key, made);
  return made;
}

function dictAt(dict: PyDict, ...path: readonly string[]): PyDict | undefined {
  let found: PyValue | undefined = dict;
  for (const key of path) found = found instanceof PyDict ? found.get(key) : undefined;
  return found instanceof PyDict ? found : undefined;
}

/** Python's `dict[to] = dict.pop(from)`. */
function move(dict: PyDict, from: string, to: string): void {
  const value = dict.get(from);
  if (value === undefined) return;
  dict.delete(from);
  dict.set(to, value);
}

function rename(dict: PyDict, from: string, to: string): void {
  if (!dict.has(to)) move(dict, from, to);
}
