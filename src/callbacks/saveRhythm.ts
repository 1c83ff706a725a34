import type { TrainerState } from "../core/trainerState.js";
import type { ModelCheckpointOptions, Triggers } from "./modelCheckpointOptions.js";
import { validatesAtEpochEnds } from "./validationRhythm.js";

/** When a ModelCheckpoint saves. */
export class SaveRhythm {
  readonly triggers: Triggers;
  readonly #options: ModelCheckpointOptions;
  #lastClock = 0;
  #startStep = 0;

  constructor(options: ModelCheckpointOptions, triggers: Triggers) {
    this.#options = options;
    this.triggers = triggers;
  }

  /** Training begins now, or goes on. */
  start({ globalStep }: TrainerState): void {
    this.#lastClock = performance.now();
    this.#startStep = globalStep;
  }

  /** Whether this step is one to save after, by its number or by the clock. */
  isDue(trainer: TrainerState): boolean {
    const isTimeUp = this.#isTimeUp();
    return isTimeUp || this.#isDueStep(trainer);
  }

  /** Whether `isDue` would be true now. */
  willBeDue(trainer: TrainerState): boolean {
    return this.#isClockPast() || this.#isDueStep(trainer);
  }

  /** Whether this epoch is one to save after. */
  isDueEpoch({ currentEpoch }: TrainerState): boolean {
    const { everyNEpochs } = this.triggers;
    return everyNEpochs >= 1 && (currentEpoch + 1) % everyNEpochs === 0;
  }

  /** Whether a validation follows this batch, so that what is monitored is not there yet. */
  waitsForValidation(trainer: TrainerState): boolean {
    const monitors = (this.#options.monitor ?? null) !== null;
    return monitors && !this.savesOnTrainEpochEnd(trainer) && trainer.validatesNext;
  }

  savesOnTrainEpochEnd(trainer: TrainerState): boolean {
    // Lightning never saves when validation is asked for every n-th epoch and there is none; we do, at the epoch's end.
    return this.#options.saveOnTrainEpochEnd ?? (trainer.numValidationBatches === 0 || validatesAtEpochEnds(trainer));
  }

  /** How often there will be a save until training ends; 1 where that is not known. */
  expectedSaves(trainer: TrainerState): number {
    const { maxEpochs, maxSteps, numTrainingBatches, accumulateGradBatches } = trainer;
    const { everyNTrainSteps, everyNEpochs } = this.triggers;
    const stepsPerEpoch = Math.ceil(numTrainingBatches / accumulateGradBatches);
    const byEpochs = maxEpochs === -1 ? Infinity : (maxEpochs - trainer.currentEpoch) * stepsPerEpoch;
    const bySteps = maxSteps === -1 ? Infinity : maxSteps - trainer.globalStep;
    const every =
      everyNTrainSteps >= 1 ? everyNTrainSteps : everyNEpochs >= 1 ? everyNEpochs * stepsPerEpoch : Infinity;
    const saves = Math.ceil(Math.min(byEpochs, bySteps) / every);
    return Number.isFinite(saves) ? Math.max(saves, 1) : 1;
  }

  /** The step that training goes on from was saved when it was done: not again while a window is accumulated. */
  #isDueStep({ globalStep }: TrainerState): boolean {
    const { everyNTrainSteps } = this.triggers;
    return everyNTrainSteps >= 1 && globalStep !== this.#startStep && globalStep % everyNTrainSteps === 0;
  }

  #isTimeUp(): boolean {
    const isPast = this.#isClockPast();
    if (isPast) this.#lastClock = performance.now();
    return isPast;
  }

  #isClockPast(): boolean {
    const { trainTimeInterval } = this.triggers;
    return trainTimeInterval !== null && performance.now() - this.#lastClock >= trainTimeInterval * 1000;
  }
}
