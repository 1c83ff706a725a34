import type { DataLoader } from "../data/dataLoader.js";
import { LtrainError } from "../errors.js";
import type { FitRun } from "./fitRun.js";
import { skipTrained } from "./goOn.js";
import type { DataState } from "./ltrainState.js";

/** What is done about data that is not what it was. */
export interface DataPolicy {
  /** Go on with it, and only say so. */
  readonly allowChange: boolean;
  readonly warn: (message: string) => void;
}

/**
 * Go on in the training data where the checkpoint stands. Data of another length or content, or in another order, is
 * checkpoint.mismatch: what was trained on it before would come twice, or not at all.
 */
export function restoreData(run: FitRun, state: DataState, loader: DataLoader, policy: DataPolicy): void {
  const { cursor, consumed } = state;
  if (cursor === null) return;
  const change = changeOf(run, state, loader);
  if (change !== null) complain(change, policy);
  const { fitLoop } = run;
  const isInside = fitLoop.resumePoint?.insideEpoch ?? false;
  const hasOtherLength = cursor.get("num_examples") !== loader.dataset.length;
  if (change !== null && hasOtherLength) {
    skipTrained(fitLoop, loader); // what is left of the epoch is another order's
    return;
  }
  // Also of a pass that is over: a generator of the loader's own must stand where it stood.
  const pass = loader.iterate(cursor);
  const goesOn = isInside || pass.batches === 0;
  if (consumed !== null && !fitLoop.samples.loadStateDict(consumed, pass, !goesOn)) {
    complain("its examples come in another order than when the checkpoint was written", policy);
  }
  if (goesOn) fitLoop.batches = pass;
}

/** How the data differs from what it was, as far as it can be seen; null where it does not. */
function changeOf(run: FitRun, { cursor, fingerprint }: DataState, loader: DataLoader): string | null {
  const [before, now] = [cursor?.get("num_examples"), loader.dataset.length];
  if (typeof before === "number" && before !== now) return `it has ${now} examples, and had ${before}`;
  if (fingerprint === null || run.fingerprint === null || fingerprint === run.fingerprint) return null;
  return `its ${now} examples are not those it had when the checkpoint was written`;
}

function complain(change: string, { allowChange, warn }: DataPolicy): void {
  const message = `the training data has changed: ${change}`;
  if (!allowChange) {
    throw new LtrainError("checkpoint.mismatch", message, {
      hint: "resume with the data, the batch size and the shuffling of before; --allow-data-change goes on with this",
    });
  }
  warn(message);
}
