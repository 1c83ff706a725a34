import type { FitLoopState } from "../core/trainerState.js";
import type { Executor } from "../engine/executor.js";
import { BatchNorm } from "../nn/batchNorm.js";
import type { Module } from "../nn/module.js";
import { float32Tensor, numelOf, zerosTensor } from "../storage/hostTensor.js";
import { castHost } from "../tensor/cast.js";

/** One epoch, forward only, in which a module's batch norms gather statistics anew: torch's update_bn. */
export class NormUpdate {
  readonly #norms: readonly BatchNorm[];
  /** What the norms had when the epoch began; null outside of it. */
  #momenta: ReadonlyMap<BatchNorm, number | null> | null = null;

  constructor(module: Module) {
    this.#norms = module
      .namedModules()
      .map(([, each]) => each)
      .filter((each) => each instanceof BatchNorm);
  }

  /** Whether there is no batch norm. */
  get isEmpty(): boolean {
    return this.#norms.length === 0;
  }

  /** Forget all statistics. */
  reset(executor: Executor): void {
    for (const { running_mean: mean, running_var: variance, num_batches_tracked: batches } of this.#norms) {
      for (const zeroed of [mean, batches]) {
        if (zeroed !== null) executor.write(zeroed, zerosTensor(zeroed.dtype, zeroed.shape));
      }
      if (variance === null) continue;
      const ones = float32Tensor(new Float32Array(numelOf(variance.shape)).fill(1), variance.shape);
      executor.write(variance, castHost(ones, variance.dtype));
    }
  }

  /** From now on all batches count alike, and go forward only. */
  begin(fitLoop: FitLoopState): void {
    fitLoop.skipBackward = true;
    if (this.#momenta !== null) return;
    this.#momenta = new Map(this.#norms.map((norm) => [norm, norm.momentum]));
    for (const norm of this.#norms) norm.momentum = null;
  }

  /** Train as before. */
  end(fitLoop: FitLoopState): void {
    fitLoop.skipBackward = false;
    for (const [norm, momentum] of this.#momenta ?? []) norm.momentum = momentum;
    this.#momenta = null;
  }
}
