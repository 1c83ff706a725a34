import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { LightningModule } from "../core/lightningModule.js";
import { LtrainError } from "../errors.js";
import { restoreLoops } from "../loops/loopsState.js";
import { findResumePoint } from "../loops/resumePoint.js";
import { userCode } from "../loops/userFailure.js";
import { keyText } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";
import { hostNumbers } from "../tensor/cast.js";
import type { FitRun } from "./fitRun.js";
import { inMemory } from "./inMemory.js";
import type { LtrainState } from "./ltrainState.js";
import { readLtrain } from "./ltrainState.js";
import type { Write } from "./restoreStates.js";
import { restoreStates, restoreWeights } from "./restoreStates.js";

/** Where a run comes from, and who is to make it. */
export interface RestoreParts {
  readonly checkpoint: Checkpoint;
  readonly path: string;
  readonly module: LightningModule;
  /** Makes the run with a fresh optimizer; called once the weights are known to fit. */
  readonly configure: () => Promise<FitRun>;
  readonly warn: (message: string) => void;
}

/** A run that stands where the checkpoint says. */
export interface RestoredRun {
  readonly run: FitRun;
  /** ltrain's own entry, whose data position and random state are to be set last; null in a file of Lightning's. */
  readonly ltrain: LtrainState | null;
  /** The epoch at whose end the checkpoint was written, before schedulers that watch a metric stepped; else null. */
  readonly lateEpoch: number | null;
}

/**
 * Make a run out of a checkpoint. Everything in it is compared with what is here before a weight, a callback or the
 * data module is changed; only the fresh optimizer, schedulers and loops take their numbers while being compared.
 */
export async function restoreRun(parts: RestoreParts): Promise<RestoredRun> {
  const { checkpoint, module } = parts;
  requireTrainingState(checkpoint, parts.path);
  const writes: Parameters<Write>[] = [];
  const stage: Write = (variable, value) => writes.push([variable, value]);
  await restoreWeights(checkpoint, module, stage);

  const run = await parts.configure();
  await prepareRestore(run, checkpoint);
  const optimizerStates = sameNumber("optimizer", checkpoint.optimizerStates ?? [], run.optimizers.length);
  const schedulerStates = sameNumber("lr scheduler", checkpoint.lrSchedulers ?? [], run.schedulers.length);
  for (const [i, optimizer] of run.optimizers.entries()) {
    const state = optimizerStates[i];
    if (state !== undefined) await optimizer.loadStateDict(state, stage);
  }
  for (const [i, { scheduler }] of run.schedulers.entries()) {
    const state = schedulerStates[i];
    if (state !== undefined) scheduler.loadStateDict(await inMemory(state));
  }
  restoreLoops(run.fitLoop, checkpoint.loops ?? new PyDict());
  const ltrain = checkpoint.ltrain === null ? null : await readLtrain(checkpoint.ltrain);

  for (const [variable, value] of writes) run.executor.write(variable, value);
  await restoreOthers(run, parts);
  const { completed, processed } = run.fitLoop.progress.current;
  const lateEpoch = completed < processed && run.epochLoop.batchProgress.isLastBatch ? completed : null;
  // Lightning leaves a cut epoch behind, unless it counts steps; where the data position is known, nothing is lost.
  const continueCutShort = ltrain !== null || run.trainer.maxSteps !== -1;
  run.fitLoop.resumePoint = findResumePoint(run.fitLoop, { continueCutShort });
  restoreWindow(run, ltrain, parts.warn);
  ltrain?.restoreMetrics(run.fitLoop, run.board);
  if (lateEpoch !== null) await showScores(run, checkpoint);
  return { run, ltrain, lateEpoch };
}

/** Callbacks may have changed what configureOptimizers gave: a scheduler of their own, a group that came later. */
async function prepareRestore(run: FitRun, { callbacks }: Checkpoint): Promise<void> {
  for (const callback of run.callbacks) {
    const state = callbacks?.get(callback.stateKey);
    if (!(state instanceof PyDict)) continue;
    const place = `${callback.constructor.name}.prepareRestore`;
    await userCode(place, () => callback.prepareRestore?.(run.fitLoop, run.module, state));
  }
}

/** Metrics that the file has only as a ModelCheckpoint's current score: a scheduler may watch the same. */
async function showScores({ board, schedulers }: FitRun, { callbacks }: Checkpoint): Promise<void> {
  const wanted = new Set(schedulers.map(({ monitor }) => monitor).filter((name) => name !== undefined));
  for (const state of callbacks?.values() ?? []) {
    if (!(state instanceof PyDict)) continue;
    const [name, score] = [state.get("monitor"), state.get("current_score")];
    if (typeof name !== "string" || !wanted.has(name) || board.callbackMetrics.has(name)) continue;
    const [value] = score instanceof StoredTensor ? hostNumbers(await readTensor(score)) : [];
    if (value !== undefined) board.show({ callback: new Map([[name, value]]), progressBar: new Map(), log: new Map() });
  }
}

/** Inside an accumulation window, the gradients gathered so far are part of where training stood. */
function restoreWindow(run: FitRun, ltrain: LtrainState | null, warn: RestoreParts["warn"]): void {
  const { window, batchProgress } = run.epochLoop;
  for (const callback of run.callbacks) {
    window.resize(callback.accumulateGradBatches?.(run.fitLoop.currentEpoch) ?? window.size);
  }
  const write: Write = (variable, value) => {
    run.executor.write(variable, value);
  };
  const isRestored = ltrain?.restoreGradients(window, write) ?? false;
  const isInside = (run.fitLoop.resumePoint?.insideEpoch ?? false) && batchProgress.current.completed % window.size > 0;
  if (!isInside || isRestored) return;
  warn(
    "the checkpoint was written in the middle of an accumulation window and its gradients are not there to go on " +
      "with: as in Lightning, the first step is made of the batches that are left",
  );
}

/** The parts without which training cannot go on, by their name in the file. */
const NEEDED = {
  loops: "loops",
  optimizerStates: "optimizer_states",
  lrSchedulers: "lr_schedulers",
} as const satisfies Partial<Record<keyof Checkpoint, string>>;

/** Refuse a file that holds weights and not a training run, naming what it lacks. */
function requireTrainingState(checkpoint: Checkpoint, path: string): void {
  const missing = (Object.keys(NEEDED) as (keyof typeof NEEDED)[]).filter((part) => checkpoint[part] === null);
  if (missing.length === 0) return;
  throw new LtrainError(
    "checkpoint.mismatch",
    `${path} cannot be resumed from: it has no ${missing.map((part) => NEEDED[part]).join(", no ")}`,
    { hint: "it holds weights only; resume from a full checkpoint of the run" },
  );
}

/** Data module, callbacks and precision take their state, in Lightning's order. */
async function restoreOthers(run: FitRun, { checkpoint, warn }: RestoreParts): Promise<void> {
  const unclaimed = await restoreStates(checkpoint, run.datamodule, run);
  if (unclaimed.size > 0) {
    for (const [key, state] of unclaimed) run.unclaimedCallbacks.set(key, state);
    const names = unclaimed.keys().map(keyText).join(", ");
    warn(`the checkpoint has the state of callbacks that are not configured here; it is kept: ${names}`);
  }
  const { precision } = run;
  const saved = checkpoint.precision;
  if (saved === null) return;
  if (precision.takes(saved.key)) precision.loadStateDict(saved.state);
  else warn(`the state of ${saved.key} in the checkpoint is not used: precision is ${precision.name}`);
}

function sameNumber(what: string, states: readonly PyDict[], here: number): readonly PyDict[] {
  if (states.length === here) return states;
  throw new LtrainError(
    "checkpoint.mismatch",
    `the checkpoint has the state of ${counted(states.length, what)}, this run has ${counted(here, what)}`,
    { hint: "configureOptimizers must give what it gave when the checkpoint was written" },
  );
}

function counted(n: number, what: string): string {
  return n === 1 ? `1 ${what}` : `${n === 0 ? "no" : n} ${what}s`;
}
