import type { Stage, TrainerState } from "../core/trainerState.js";
import type { Progress } from "./progressText.js";

/** What is done where nothing is trained, in a word. */
const TITLES: Readonly<Record<Exclude<Stage, "fit">, string>> = {
  sanityCheck: "Sanity check",
  validate: "Validating",
  test: "Testing",
  predict: "Predicting",
};

/** How far a validation, a test or a prediction by itself is; `seconds` since it began. */
export function evaluationProgress(trainer: TrainerState, done: number, seconds: number): Progress {
  const { stage } = trainer;
  const total = totals(trainer);
  if (stage === "fit" || stage === "sanityCheck") {
    const title = stage === "fit" ? `${epochTitle(trainer)} validating` : TITLES.sanityCheck;
    return { title, done, total, rate: null, eta: null, metrics: [] };
  }
  const rate = seconds > 0 && done > 0 ? done / seconds : null;
  const eta = rate === null ? null : Math.max(total - done, 0) / rate;
  return { title: TITLES[stage], done, total, rate, eta, metrics: [] };
}

/** "Epoch 1/3". */
export function epochTitle({ currentEpoch, maxEpochs }: TrainerState): string {
  return maxEpochs > 0 ? `Epoch ${currentEpoch + 1}/${maxEpochs}` : `Epoch ${currentEpoch + 1}`;
}

function totals(trainer: TrainerState): number {
  if (trainer.stage === "sanityCheck") return trainer.numSanityValBatches;
  if (trainer.stage === "test") return trainer.numTestBatches;
  return trainer.stage === "predict" ? trainer.numPredictBatches : trainer.numValidationBatches;
}
