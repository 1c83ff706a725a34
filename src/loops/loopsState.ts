import { LtrainError } from "../errors.js";
import { PyDict } from "../pickle/values.js";
import type { FitLoop } from "./fitLoop.js";
import type { Progress } from "./progress.js";
import { BatchProgress, Progress as ProgressCounters } from "./progress.js";

/** The `loops` entry of a checkpoint, key by key as Lightning writes it (lightning-checkpoint-format.md, 5.4). */
export function dumpLoops(loop: FitLoop): PyDict {
  const { epochLoop } = loop;
  const fitLoop = PyDict.from({
    state_dict: new PyDict(),
    "epoch_loop.state_dict": PyDict.from({ _batches_that_stepped: epochLoop.batchesThatStepped }),
    "epoch_loop.batch_progress": epochLoop.batchProgress.stateDict(),
    "epoch_loop.scheduler_progress": epochLoop.schedulerProgress.stateDict(),
    "epoch_loop.automatic_optimization.state_dict": new PyDict(),
    "epoch_loop.automatic_optimization.optim_progress": PyDict.from({
      optimizer: PyDict.from({
        step: epochLoop.optimizerProgress.stateDict(),
        zero_grad: epochLoop.zeroGradProgress.stateDict(),
      }),
    }),
    "epoch_loop.manual_optimization.state_dict": new PyDict(),
    "epoch_loop.manual_optimization.optim_step_progress": epochLoop.manualProgress.stateDict(),
    "epoch_loop.val_loop.state_dict": new PyDict(),
    "epoch_loop.val_loop.batch_progress": epochLoop.validation.progress.stateDict(),
    epoch_progress: loop.progress.stateDict(),
  });
  const idle = (progress: Progress): PyDict =>
    PyDict.from({ state_dict: new PyDict(), batch_progress: progress.stateDict() });
  return PyDict.from({
    fit_loop: fitLoop,
    validate_loop: idle(new BatchProgress()),
    test_loop: idle(new BatchProgress()),
    predict_loop: idle(new ProgressCounters("run")),
  });
}

/**
 * Set the counters of a fresh loop. Lightning passes over a missing counter and then trains too long; here what the
 * position depends on must be there.
 */
export function restoreLoops(loop: FitLoop, loops: PyDict): void {
  const { epochLoop } = loop;
  const fitLoop = section(loops, "fit_loop", "loops");
  const load = (progress: Progress, key: string): void => {
    progress.loadStateDict(section(fitLoop, key, "loops.fit_loop"), key);
  };
  const loadIfThere = (progress: Progress, key: string): void => {
    if (fitLoop.has(key)) load(progress, key);
  };
  load(loop.progress, "epoch_progress");
  load(epochLoop.batchProgress, "epoch_loop.batch_progress");
  loadIfThere(epochLoop.schedulerProgress, "epoch_loop.scheduler_progress");
  loadIfThere(epochLoop.manualProgress, "epoch_loop.manual_optimization.optim_step_progress");
  loadIfThere(epochLoop.validation.progress, "epoch_loop.val_loop.batch_progress");
  const optimKey = "epoch_loop.automatic_optimization.optim_progress";
  const optimizer = section(section(fitLoop, optimKey, "loops.fit_loop"), "optimizer", optimKey);
  epochLoop.optimizerProgress.loadStateDict(section(optimizer, "step", optimKey), `${optimKey}.step`);
  const zeroGrad = optimizer.get("zero_grad");
  if (zeroGrad instanceof PyDict) epochLoop.zeroGradProgress.loadStateDict(zeroGrad, `${optimKey}.zero_grad`);
  const state = fitLoop.get("epoch_loop.state_dict");
  const stepped = state instanceof PyDict ? state.get("_batches_that_stepped") : undefined;
  epochLoop.batchesThatStepped = typeof stepped === "number" ? stepped : epochLoop.globalStep;
}

function section(dict: PyDict, key: string, place: string): PyDict {
  const value = dict.get(key);
  if (value instanceof PyDict) return value;
  throw new LtrainError(
    "checkpoint.mismatch",
    `the checkpoint does not say where training stood: ${place} has no ${key}`,
    {
      hint: "resume from a checkpoint that Lightning 2 or ltrain wrote",
    },
  );
}
