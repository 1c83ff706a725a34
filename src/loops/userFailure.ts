import type { TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";

/** What the user's own code threw, with the place where it was called; what is understood already stays as it is. */
export function userFailure(error: unknown, place: string): LtrainError {
  if (error instanceof LtrainError) return error;
  const what = error instanceof Error ? error.message : String(error);
  return new LtrainError("user.failed", `${place} failed: ${what}`, { cause: error });
}

/** Where a hook was called: "in epoch 0, batch 3", counted from 0 as Lightning counts. */
export function placeOf({
  stage,
  currentEpoch,
  batchIdx,
}: Pick<TrainerState, "stage" | "currentEpoch" | "batchIdx">): string {
  if (stage !== "fit" && stage !== "sanityCheck") return `in ${stage}`;
  return batchIdx < 0 ? `in epoch ${currentEpoch}` : `in epoch ${currentEpoch}, batch ${batchIdx}`;
}

/** Run code of the user's that is no hook: a loader, a configuration. */
export async function userCode<T>(place: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw userFailure(error, place);
  }
}
