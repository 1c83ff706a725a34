import type { Parameter } from "../nn/parameter.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { LRScheduler } from "../optim/lrScheduler.js";
import type { ParamGroup } from "../optim/paramGroup.js";
import type { Tensor } from "../tensor/tf.js";

/** A list to be taken apart, `const [a, b] = list`, without asking whether each of the first is there. */
export type ListOf<T> = readonly [T, T, T, T, ...T[]];

/** How gradients are clipped: Lightning's arguments of clip_gradients. */
export interface ClipGradientsOptions {
  readonly gradientClipVal: number;
  /** "norm" unless it is said. */
  readonly gradientClipAlgorithm?: "norm" | "value";
}

/** What a module that optimizes by hand asks of the loop while its step runs; the loop puts it in place. */
export interface ManualSteps {
  backward(loss: Tensor): void;
  step(optimizer: Optimizer, closure: (() => void) | undefined): void;
  zeroGrad(optimizer: Optimizer): void;
  clip(optimizer: Optimizer, options: ClipGradientsOptions): void;
  stepScheduler(scheduler: LRScheduler, metric: number | undefined): void;
}

/** An optimizer as trainingStep steps it: Lightning's LightningOptimizer. */
export class LightningOptimizer {
  readonly optimizer: Optimizer;
  readonly #steps: () => ManualSteps;

  /** `steps` gives the loop's part, and fails outside a training step. */
  constructor(optimizer: Optimizer, steps: () => ManualSteps) {
    this.optimizer = optimizer;
    this.#steps = steps;
  }

  get paramGroups(): readonly ParamGroup[] {
    return this.optimizer.paramGroups;
  }
  /** Update the parameters by the gradients gathered for them; `closure` is run before. */
  step(closure?: () => void): void {
    this.#steps().step(this.optimizer, closure);
  }
  /** Forget the gradients of this optimizer's parameters. */
  zeroGrad(): void {
    this.#steps().zeroGrad(this.optimizer);
  }
}

/** A scheduler as a module that optimizes by hand steps it: in trainingStep, or in a hook such as onTrainEpochEnd. */
export class LightningScheduler {
  readonly scheduler: LRScheduler;
  readonly #steps: () => ManualSteps | null;

  /** `steps` gives the loop's part within a training step, null outside. */
  constructor(scheduler: LRScheduler, steps: () => ManualSteps | null) {
    this.scheduler = scheduler;
    this.#steps = steps;
  }

  /** The learning rates as of the last step. */
  get lastLr(): readonly number[] {
    return this.scheduler.lastLr;
  }
  /** Step it; `metric` is for ReduceLROnPlateau, and known only in hooks: `this.trainer.callbackMetrics`. */
  step(metric?: number): void {
    const steps = this.#steps();
    if (steps === null) this.scheduler.step(metric);
    else steps.stepScheduler(this.scheduler, metric);
  }
}

/** Which optimizer's parameters are trained at this moment, and what the others were before. */
export class Toggles {
  #before: ReadonlyMap<Parameter, boolean> = new Map();

  /** Freeze the parameters of all optimizers but those of one: Lightning's toggle_optimizer. */
  on(optimizer: Optimizer, all: readonly Optimizer[]): void {
    const before = new Map(all.flatMap(paramsOf).map((param) => [param, param.requiresGrad]));
    for (const param of before.keys()) param.requiresGrad = false;
    for (const param of paramsOf(optimizer)) param.requiresGrad = before.get(param) ?? param.requiresGrad;
    this.#before = before;
  }
  /** Let the others be what they were: untoggle_optimizer. */
  off(optimizer: Optimizer, all: readonly Optimizer[]): void {
    const own = new Set(paramsOf(optimizer));
    for (const param of all.filter((other) => other !== optimizer).flatMap(paramsOf)) {
      if (!own.has(param)) param.requiresGrad = this.#before.get(param) ?? param.requiresGrad;
    }
    this.#before = new Map();
  }
}

function paramsOf(optimizer: Optimizer): Parameter[] {
  return optimizer.paramGroups.flatMap(({ params }) => params);
}
