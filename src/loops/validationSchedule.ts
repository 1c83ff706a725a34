/** When training is interrupted by validations. */
export interface ValidationLimits {
  /** Training batches between two validations: a whole number, or a part of the epoch below 1; null: at its end. */
  readonly valCheckInterval: number | null;
  /** Seconds between two validations; null: batches are counted. */
  readonly valCheckSeconds: number | null;
  /** Epochs whose number this divides are validated; null: batches are counted across epochs, and all are. */
  readonly checkValEveryNEpoch: number | null;
}

/** How far training is. */
export interface TrainedBatches {
  readonly epoch: number;
  /** Batches of this epoch so far, and of all epochs. */
  readonly current: number;
  readonly total: number;
  /** Batches of a whole epoch. */
  readonly numBatches: number;
}

/** Says after which training batches a validation follows: Lightning's val_check_interval. */
export class ValidationSchedule {
  readonly #limits: ValidationLimits;
  readonly #now: () => number;
  #last: number;

  /** `now` counts milliseconds; the clock runs from here. */
  constructor(limits: ValidationLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
    this.#last = now();
  }

  /** Count the seconds from this moment: training begins, or a validation is over. */
  restart(): void {
    this.#last = this.#now();
  }

  /** Whether an epoch has validations. */
  includes(epoch: number): boolean {
    const { checkValEveryNEpoch } = this.#limits;
    return checkValEveryNEpoch === null || (epoch + 1) % checkValEveryNEpoch === 0;
  }

  /** Whether a validation follows the batch that was just trained. */
  isDue({ epoch, current, total, numBatches }: TrainedBatches): boolean {
    const { checkValEveryNEpoch, valCheckSeconds } = this.#limits;
    if (!this.includes(epoch)) return false;
    if (valCheckSeconds !== null) return this.#now() - this.#last >= valCheckSeconds * 1000;
    const trained = checkValEveryNEpoch === null ? total : current;
    return trained % this.#batches(numBatches) === 0;
  }

  /** As in Lightning a part of the epoch is cut to whole batches: of 5, 0.5 are 2, and the fifth is not validated. */
  #batches(numBatches: number): number {
    const { valCheckInterval } = this.#limits;
    if (valCheckInterval !== null && valCheckInterval >= 1) return valCheckInterval;
    return Math.max(Math.trunc(numBatches * (valCheckInterval ?? 1)), 1);
  }
}
