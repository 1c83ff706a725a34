import type { TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { didYouMean } from "../nearest.js";

/** Tell that a ModelCheckpoint's metric is not there: a warning while it may still come, an error after validation. */
export function tellMissingMonitor(trainer: TrainerState, monitor: string, mayStillCome: boolean): void {
  const names = [...trainer.callbackMetrics.keys()];
  const there = names.join(", ") || "nothing";
  const message = `ModelCheckpoint watches "${monitor}", and nobody has logged it; there is ${there}`;
  if (mayStillCome) {
    trainer.warn(message);
    return;
  }
  throw new LtrainError("config.invalid", message, {
    hint: didYouMean(monitor, names) ?? `log it in validationStep: this.log("${monitor}", value)`,
  });
}
