import type { BatchProgress, Progress } from "./progress.js";
import type { TrainingEpochLoop } from "./trainingEpochLoop.js";
import type { UnfinishedBatch } from "./unfinishedBatch.js";

/** The counters of a fit: a FitLoop has them. */
interface FitCounters {
  /** Epochs. */
  readonly progress: Progress;
  readonly epochLoop: TrainingEpochLoop;
}

/** Where training goes on. */
export interface ResumePoint {
  /** In the middle of an epoch, whose start hooks have been called; otherwise the next epoch begins. */
  readonly insideEpoch: boolean;
  /** The checkpoint was written while its last batch was being finished; null: it was finished. */
  readonly finishBatch: UnfinishedBatch | null;
}

const NEXT_EPOCH: ResumePoint = { insideEpoch: false, finishBatch: null };

/**
 * Read off the counters where the checkpoint was written (lightning-checkpoint-format.md, 5.4), and set them to where
 * training goes on. An epoch that a stop cut short counts as finished in the file: it goes on where it was cut when
 * `continueCutShort`, and is left behind otherwise.
 */
export function findResumePoint(loop: FitCounters, options: { readonly continueCutShort: boolean }): ResumePoint {
  const { progress: epochs, epochLoop } = loop;
  const { batchProgress: batches } = epochLoop;
  const { ready, started, processed } = epochs.current;
  if (started < ready) {
    // Written in onTrainEpochStart: that epoch begins again.
    setBack(epochs);
    return NEXT_EPOCH;
  }
  if (processed === ready) {
    const cutShort = ready > 0 && batches.current.ready > 0 && !batches.isLastBatch;
    if (cutShort && options.continueCutShort) {
      for (const counts of [epochs.total, epochs.current]) counts.processed -= 1;
      complete(epochs);
      return { insideEpoch: true, finishBatch: null };
    }
    complete(epochs);
    return NEXT_EPOCH;
  }
  return { insideEpoch: true, finishBatch: resumeInsideEpoch(loop, batches) };
}

function resumeInsideEpoch({ epochLoop }: FitCounters, batches: BatchProgress): UnfinishedBatch | null {
  const { ready, processed, completed } = batches.current;
  const isInBatchEnd = processed === ready && completed === processed - 1;
  if (isInBatchEnd) {
    batches.increment("completed"); // that batch is done
  } else if (completed < ready) {
    // Written in a batch that failed: it is done again.
    batches.resetOnRestart();
    epochLoop.optimizerProgress.resetOnRestart();
    epochLoop.zeroGradProgress.resetOnRestart();
    return null;
  }
  // Before the batch was completed, the counters of validation are an earlier one's.
  const isValidated = !isInBatchEnd && isOver(epochLoop.validation.progress);
  const isCounted = epochLoop.batchesThatStepped >= epochLoop.windowsTrained;
  return isValidated && isCounted ? null : { isValidated, isCounted };
}

/** Written in onValidationEnd: the counters of that run are whole. */
function isOver(validation: BatchProgress): boolean {
  const { ready, completed } = validation.current;
  return validation.isLastBatch && ready > 0 && completed === ready;
}

/** What is processed counts as completed: only the hooks after the save were outstanding. */
function complete(epochs: Progress): void {
  for (const counts of [epochs.total, epochs.current]) counts.completed = counts.processed;
}

/** What was only announced is announced again. */
function setBack(epochs: Progress): void {
  for (const counts of [epochs.total, epochs.current]) counts.ready = counts.started;
  complete(epochs);
}
