import { asNumber } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";

/** Where in the run a checkpoint was saved, as Lightning's `loops` say; null for a counter that is not there. */
export interface LoopPosition {
  /** Epochs begun, the one under way included. */
  readonly epochsReady: number | null;
  readonly epochsCompleted: number | null;
  /** Epochs whose batches are all done, the one that is only waiting for its end hooks included. */
  readonly epochsProcessed: number | null;
  /** Batches of the current epoch. */
  readonly batchesReady: number | null;
  readonly batchesProcessed: number | null;
  readonly isLastBatch: boolean | null;
  readonly optimizerSteps: number | null;
}

/** Read the position out of `loops`, in today's layout. */
export function loopPosition(loops: PyDict): LoopPosition {
  const at = (...path: readonly string[]): PyValue | undefined => valueAt(loops, ["fit_loop", ...path]);
  const count = (...path: readonly string[]): number | null => asNumber(at(...path)) ?? null;
  const isLastBatch = at("epoch_loop.batch_progress", "is_last_batch");
  const epochsCompleted = count("epoch_progress", "current", "completed");
  // A file of before 1.6 says only how many epochs are completed; those have begun and been processed too.
  const atLeastCompleted = (counted: number | null): number | null =>
    counted === null ? null : Math.max(counted, epochsCompleted ?? 0);
  return {
    epochsReady: atLeastCompleted(count("epoch_progress", "current", "ready")),
    epochsCompleted,
    epochsProcessed: atLeastCompleted(count("epoch_progress", "current", "processed")),
    batchesReady: count("epoch_loop.batch_progress", "current", "ready"),
    batchesProcessed: count("epoch_loop.batch_progress", "current", "processed"),
    isLastBatch: typeof isLastBatch === "boolean" ? isLastBatch : null,
    optimizerSteps: count(
      "epoch_loop.automatic_optimization.optim_progress",
      "optimizer",
      "step",
      "total",
      "completed",
    ),
  };
}

function valueAt(root: PyValue, path: readonly string[]): PyValue | undefined {
  let value: PyValue | undefined = root;
  for (const key of path) {
    if (!(value instanceof PyDict)) return undefined;
    value = value.get(key);
  }
  return value;
}
