import type { Checkpoint, HyperParameters, StateDict } from "../checkpoint/checkpoint.js";
import { emptyCheckpoint, LIGHTNING_VERSION } from "../checkpoint/checkpoint.js";
import type { Callback } from "../core/callback.js";
import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { SchedulerConfig } from "../loops/loopContext.js";
import { dumpLoops } from "../loops/loopsState.js";
import type { Optimizer } from "../optim/optimizer.js";
import { fromPlain } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import type { Precision } from "../precision/precision.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { storedTensor } from "../storage/storedTensor.js";
import type { Variable } from "../tensor/variable.js";
import type { LtrainParts } from "./ltrainState.js";
import { dumpLtrain } from "./ltrainState.js";

/** Everything of a run that a checkpoint holds. */
export interface LiveState extends LtrainParts {
  readonly module: LightningModule;
  readonly datamodule: LightningDataModule;
  readonly callbacks: readonly Callback[];
  readonly optimizers: readonly Optimizer[];
  readonly schedulers: readonly SchedulerConfig[];
  readonly precision: Precision;
  /** States in the checkpoint resumed from whose callbacks are not here: kept for the next one who has them. */
  readonly unclaimedCallbacks: PyDict;
}

/** A module or a data module, as far as its hyperparameters go. */
type WithHparams = Pick<LightningModule, "hparams" | "hparamsName">;

/** The live objects as a Checkpoint, part by part in Lightning's order; `read` brings their tensors to the host. */
export async function captureCheckpoint(
  state: LiveState,
  weightsOnly: boolean,
  read: LiveState["read"] = state.read,
): Promise<Checkpoint> {
  const { module, datamodule, fitLoop } = state;
  const checkpoint = emptyCheckpoint();
  checkpoint.epoch = fitLoop.currentEpoch;
  checkpoint.globalStep = fitLoop.epochLoop.globalStep;
  checkpoint.lightningVersion = LIGHTNING_VERSION;
  checkpoint.stateDict = await captureStateDict(module, read);
  checkpoint.loops = dumpLoops(fitLoop);
  if (!weightsOnly) {
    checkpoint.callbacks = captureCallbacks(state);
    const optimizerStates: PyDict[] = [];
    for (const optimizer of state.optimizers) optimizerStates.push(await optimizer.stateDict(read));
    checkpoint.optimizerStates = optimizerStates;
    checkpoint.lrSchedulers = state.schedulers.map(({ scheduler }) => scheduler.stateDict());
    const precision = state.precision.stateDict();
    if (precision !== null) checkpoint.precision = { key: state.precision.stateKey, state: precision };
  }
  checkpoint.hyperParameters = captureHparams(module);
  checkpoint.datamoduleHyperParameters = captureHparams(datamodule);
  const data = datamodule.stateDict();
  if (data !== null && data.size > 0) checkpoint.datamodule = { key: datamodule.constructor.name, state: data };
  checkpoint.ltrain = await dumpLtrain(state, weightsOnly);
  return checkpoint;
}

/** Tied parameters share one storage, as they do in torch's file. */
async function captureStateDict(module: LightningModule, read: LiveState["read"]): Promise<StateDict> {
  const byVariable = new Map<Variable, StoredTensor>();
  const tensors = new Map<string, StoredTensor>();
  for (const [name, variable] of module.state()) {
    const stored = byVariable.get(variable) ?? storedTensor(await read(variable));
    byVariable.set(variable, stored);
    tensors.set(name, stored);
  }
  return { tensors, versions: module.stateVersions() };
}

function captureCallbacks({ callbacks, unclaimedCallbacks }: LiveState): PyDict {
  const states = new PyDict();
  for (const callback of callbacks) {
    const state = callback.stateDict();
    if (state !== null && state.size > 0) states.set(callback.stateKey, state);
  }
  for (const [key, state] of unclaimedCallbacks) if (!states.has(key)) states.set(key, state);
  return states;
}

function captureHparams({ hparams, hparamsName }: WithHparams): HyperParameters | null {
  if (Object.keys(hparams).length === 0) return null;
  const values = fromPlain(hparams);
  return { name: hparamsName, values: values instanceof PyDict ? values : new PyDict() };
}
