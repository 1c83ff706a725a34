import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { SavedAs, SaveOrder } from "../checkpoint/saveOrder.js";
import type { SaveOptions } from "../core/trainerState.js";
import { userCode } from "../loops/userFailure.js";
import { PyDict } from "../pickle/values.js";
import type { Allot } from "../storage/hostTensor.js";
import { captureCheckpoint } from "./checkpointState.js";
import type { FitRun } from "./fitRun.js";

/** Bring to the disk what a checkpoint of this moment counts: the loggers' rows must be there when it is. */
export async function saveRows(run: FitRun): Promise<void> {
  for (const logger of run.loggers) await logger.save();
}

/** This moment of a run as files to be written; with `allot` its tensors are copied into the memory that that gives. */
export async function captureSave(
  run: FitRun,
  path: string,
  options: SaveOptions,
  allot: Allot | undefined,
): Promise<SaveOrder> {
  const { weightsOnly = false, also = [], replicas = [], retired = [] } = options;
  const checkpoint = await captureCheckpoint(run, weightsOnly, (variable) => run.read(variable, allot));
  if (!weightsOnly) {
    for (const callback of run.callbacks) {
      const place = `${callback.constructor.name}.onSaveCheckpoint`;
      await userCode(place, () => callback.onSaveCheckpoint?.(run.trainer, run.module, checkpoint));
    }
  }
  const place = `${run.module.constructor.name}.onSaveCheckpoint`;
  await userCode(place, () => run.module.onSaveCheckpoint?.(checkpoint));
  const others = also.map(({ path: other, stateKey, state }): SavedAs => {
    return { path: other, checkpoint: withState(checkpoint, stateKey, state) };
  });
  return { files: [{ path, checkpoint }, ...others], replicas, retired, metrics: new Map(run.board.callbackMetrics) };
}

/** The same checkpoint, in which one callback says something else. */
function withState(checkpoint: Checkpoint, stateKey: string, state: PyDict): Checkpoint {
  if (checkpoint.callbacks === null) return checkpoint;
  const callbacks = new PyDict(checkpoint.callbacks, checkpoint.callbacks.kind);
  return { ...checkpoint, callbacks: callbacks.set(stateKey, state) };
}
