import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { WeightAveraging, type AveragingMoment, type WeightAveragingOptions } from "./weightAveraging.js";

/** How fast the average forgets, and when it is brought up to date; names and defaults are Lightning's. */
export interface EMAWeightAveragingOptions extends WeightAveragingOptions {
  /** The part of the average so far in the next one. */
  readonly decay?: number;
  /** 0: not by steps. */
  readonly updateEveryNSteps?: number;
  readonly updateStartingAtStep?: number | null;
  /** From this epoch on also after every epoch; null: not by epochs. */
  readonly updateStartingAtEpoch?: number | null;
}

/** The exponential moving average of the weights: Lightning's EMAWeightAveraging. */
export class EMAWeightAveraging extends WeightAveraging {
  readonly #decay: number;
  readonly #every: number;
  readonly #fromStep: number;
  readonly #fromEpoch: number;

  constructor(options: EMAWeightAveragingOptions = {}) {
    super(options);
    this.#decay = options.decay ?? 0.999;
    this.#every = options.updateEveryNSteps ?? 1;
    this.#fromStep = options.updateStartingAtStep ?? 0;
    this.#fromEpoch = options.updateStartingAtEpoch ?? Infinity;
    if (!(this.#decay >= 0 && this.#decay <= 1)) {
      throw new LtrainError("config.invalid", `EMAWeightAveraging: decay must be from 0 to 1, got ${this.#decay}`);
    }
  }

  override shouldUpdate({ step, epoch }: AveragingMoment): boolean {
    if (epoch !== undefined) return epoch >= this.#fromEpoch;
    return step !== undefined && step >= this.#fromStep && this.#every > 0 && step % this.#every === 0;
  }
  protected override average(averaged: Tensor, current: Tensor): Tensor {
    return tf.add(tf.mul(averaged, this.#decay), tf.mul(current, 1 - this.#decay));
  }
}
