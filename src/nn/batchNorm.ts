import { LtrainError } from "../errors.js";
import { float32Tensor } from "../storage/hostTensor.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { Module, type Layer } from "./module.js";
import { channelStatistics, normalizeChannels, overChannels } from "./normalization.js";
import { Buffer, Parameter } from "./parameter.js";
import { requireChannels } from "./shapes.js";

/** BatchNorm's options. */
export interface BatchNormOptions {
  readonly eps?: number;
  /** The weight of the newest batch in the running statistics; null: all batches count alike. */
  readonly momentum?: number | null;
  readonly affine?: boolean;
  readonly trackRunningStats?: boolean;
}

/** What the BatchNorms of all ranks have in common; in evaluation the running statistics take the batch's place. */
export abstract class BatchNorm extends Module implements Layer {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  // Names of the checkpoint: they keep torch's spelling.
  readonly running_mean: Buffer | null;
  readonly running_var: Buffer | null;
  readonly num_batches_tracked: Buffer | null;
  readonly eps: number;
  momentum: number | null;
  /** Whether training moves the running statistics, where there are any. */
  trackRunningStats: boolean;

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super();
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    const filled = (value: number): ReturnType<typeof float32Tensor> =>
      float32Tensor(new Float32Array(numFeatures).fill(value), [numFeatures]);
    this.weight = affine ? new Parameter(filled(1)) : null;
    this.bias = affine ? new Parameter(filled(0)) : null;
    this.running_mean = trackRunningStats ? new Buffer(filled(0)) : null;
    this.running_var = trackRunningStats ? new Buffer(filled(1)) : null;
    this.num_batches_tracked = trackRunningStats
      ? new Buffer({ dtype: "int64", shape: [], bytes: new Uint8Array(8) })
      : null;
    this.eps = eps;
    this.momentum = momentum;
    this.trackRunningStats = trackRunningStats;
  }

  /** torch counts batches since version 2 of the format. */
  override get stateVersion(): number {
    return 2;
  }

  /** The ranks of input that this layer takes. */
  protected abstract readonly ranks: readonly number[];

  forward(x: Tensor): Tensor {
    if (!this.ranks.includes(x.rank)) {
      throw new LtrainError(
        "argument.invalid",
        `${this.constructor.name} takes a tensor of ${this.ranks.join(" or ")} axes, got [${x.shape.join(", ")}]`,
      );
    }
    requireChannels(x, (this.weight ?? this.running_mean)?.shape[0], this.constructor.name);
    const normal = this.#normal(x);
    const scaled = this.weight === null ? normal : tf.mul(normal, overChannels(this.weight.value, x));
    return this.bias === null ? scaled : tf.add(scaled, overChannels(this.bias.value, x));
  }

  #normal(x: Tensor): Tensor {
    const { running_mean: mean, running_var: variance, num_batches_tracked: batches } = this;
    const tracked = mean !== null && variance !== null && batches !== null;
    if (tracked && !this.training) {
      const inverse = tf.rsqrt(tf.add(variance.value, this.eps));
      return tf.mul(tf.sub(x, overChannels(mean.value, x)), overChannels(inverse, x));
    }
    if (tracked && this.trackRunningStats) this.#track(x, mean, variance, batches);
    return normalizeChannels(x, this.eps);
  }

  #track(x: Tensor, runningMean: Buffer, runningVar: Buffer, batches: Buffer): void {
    const { mean, variance, count } = channelStatistics(x);
    if (count < 2) {
      throw new LtrainError(
        "argument.invalid",
        `${this.constructor.name} in training needs more than one value per channel, got [${x.shape.join(", ")}]`,
        { hint: "let the loader drop the last batch when it holds one example, or take larger batches" },
      );
    }
    batches.assign(tf.add(batches.value, tf.scalar(1, "int32")));
    const share = this.momentum ?? tf.div(1, tf.cast(batches.value, "float32"));
    const kept = typeof share === "number" ? 1 - share : tf.sub(1, share);
    const unbiased = tf.mul(variance, count / (count - 1));
    runningMean.assign(tf.add(tf.mul(runningMean.value, kept), tf.mul(mean, share)));
    runningVar.assign(tf.add(tf.mul(runningVar.value, kept), tf.mul(unbiased, share)));
  }
}

/** torch.nn.BatchNorm2d over [N, C, H, W]. */
export class BatchNorm2d extends BatchNorm {
  protected get ranks(): readonly number[] {
    return [4];
  }
}

/** torch.nn.BatchNorm1d over [N, C] or [N, C, L]. */
export class BatchNorm1d extends BatchNorm {
  protected get ranks(): readonly number[] {
    return [2, 3];
  }
}
