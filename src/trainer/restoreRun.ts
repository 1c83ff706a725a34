import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { lacksForResume } from "../checkpoint/trainingState.js";
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
import type { LtrainState } from "./ltrainState.js";
import { readLtrain } from "./ltrainState.js";
import { restoreOptimizers } from "./restoreOptimizers.js";
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
  await restoreOptimizers(run, checkpoint, stage, parts.warn);
  restoreLoops(run.fitLoop, checkpoint.loops ?? new PyDict());
  if (hasLoaderStates(checkpoint)) {
    parts.warn(
      "the checkpoint has the state of a stateful DataLoader (combined_loader), which only Lightning can use: the data " +
        "goes on after as many batches as were trained, and the next checkpoints will not have it",
    );
  }
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

/** Lightning keeps what a loader's own state_dict gave; a file of ours has none, for a plain loader refuses it. */
function hasLoaderStates({ loops }: Checkpoint): boolean {
  const fitLoop = loops?.get("fit_loop");
  const own = fitLoop instanceof PyDict ? fitLoop.get("state_dict") : null;
  const states = own instanceof PyDict ? own.get("combined_loader") : null;
  return Array.isArray(states) && states.length > 0;
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

/** Refuse a file that holds weights and not a training run, naming what it lacks. */
function requireTrainingState(checkpoint: Checkpoint, path: string): void {
  const lacks = lacksForResume(checkpoint);
  if (lacks.length === 0) return;
  const isOfLightning = checkpoint.lightningVersion !== null;
  throw new LtrainError("checkpoint.mismatch", `${path} cannot be resumed from: it has no ${lacks.join(", no ")}`, {
    hint: isOfLightning
      ? "it holds weights only; resume from a full checkpoint of the run"
      : `it is no checkpoint of a run; a new run begins from its weights with model.init_from: ${path}`,
  });
}

/** Data module, callbacks and precision take their state, in Lightning's order. */
async function restoreOthers(run: FitRun, { checkpoint, warn }: RestoreParts): Promise<void> {
  const { unclaimed, adopted, fresh } = await restoreStates(checkpoint, run.datamodule, run);
  for (const { from, to } of adopted) warn(`the state of ${from} in the checkpoint goes on as that of ${to}`);
  if (unclaimed.size > 0) {
    for (const [key, state] of unclaimed) run.unclaimedCallbacks.set(key, state);
    const names = unclaimed.keys().map(keyText).join(", ");
    warn(`the checkpoint has the state of callbacks that are not configured here; it is kept: ${names}`);
  }
  if (fresh.length > 0) {
    warn(`the checkpoint has no state of ${fresh.join(", ")}: ${fresh.length === 1 ? "it begins" : "they begin"} anew`);
  }
  const { precision } = run;
  const saved = checkpoint.precision;
  if (saved === null) return;
  if (precision.takes(saved.key)) precision.loadStateDict(saved.state);
  else warn(`the state of ${saved.key} in the checkpoint is not used: precision is ${precision.name}`);
}
