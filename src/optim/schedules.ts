import { PyDict, PyFloat } from "../pickle/values.js";
import { power } from "../tensor/exactPower.js";
import { GroupSchedule, requireThat, requireWhole, toNumber, type LastEpoch } from "./lrScheduler.js";
import type { Optimizer } from "./optimizer.js";
import type { ParamGroup } from "./paramGroup.js";

/** StepLR's options. */
export interface StepLROptions extends LastEpoch {
  readonly stepSize: number;
  readonly gamma?: number;
}

/** torch.optim.lr_scheduler.StepLR: the learning rate times gamma, every stepSize epochs. */
export class StepLR extends GroupSchedule {
  constructor(optimizer: Optimizer, options: StepLROptions) {
    const { stepSize, gamma = 0.1 } = options;
    requireWhole("StepLR", "stepSize", stepSize, 1);
    super(optimizer, [
      ["step_size", stepSize],
      ["gamma", new PyFloat(gamma)],
    ]);
    this.begin(options);
  }

  protected override nextLr({ lr }: ParamGroup): number | null {
    const isDue = this.lastEpoch !== 0 && this.lastEpoch % this.number("step_size") === 0;
    return isDue ? lr * this.number("gamma") : null;
  }
  protected override firstLr(_group: ParamGroup, base: number): number {
    return base;
  }
}

/** MultiStepLR's options. */
export interface MultiStepLROptions extends LastEpoch {
  /** Epochs after which the rate is lowered; one that is there twice counts twice. */
  readonly milestones: readonly number[];
  readonly gamma?: number;
}

/** torch.optim.lr_scheduler.MultiStepLR: the learning rate times gamma at every milestone. */
export class MultiStepLR extends GroupSchedule {
  constructor(optimizer: Optimizer, options: MultiStepLROptions) {
    const { milestones, gamma = 0.1 } = options;
    for (const milestone of milestones) requireWhole("MultiStepLR", "milestones each", milestone, 0);
    const counts = new PyDict([], "Counter");
    for (const milestone of milestones) counts.set(milestone, toNumber(counts.get(milestone) ?? 0) + 1);
    super(optimizer, [
      ["milestones", counts],
      ["gamma", new PyFloat(gamma)],
    ]);
    this.begin(options);
  }

  protected override nextLr({ lr }: ParamGroup): number | null {
    const times = this.#times(this.lastEpoch);
    return times === 0 ? null : lr * power(this.number("gamma"), times);
  }
  protected override firstLr(_group: ParamGroup, base: number): number {
    return base * power(this.number("gamma"), this.#times(0));
  }

  #times(epoch: number): number {
    const counts = this.state.get("milestones");
    return counts instanceof PyDict ? toNumber(counts.get(epoch) ?? 0) : 0;
  }
}

/** ExponentialLR's options. */
export interface ExponentialLROptions extends LastEpoch {
  readonly gamma: number;
}

/** torch.optim.lr_scheduler.ExponentialLR: the learning rate times gamma, every epoch. */
export class ExponentialLR extends GroupSchedule {
  constructor(optimizer: Optimizer, options: ExponentialLROptions) {
    super(optimizer, [["gamma", new PyFloat(options.gamma)]]);
    this.begin(options);
  }

  protected override nextLr({ lr }: ParamGroup): number | null {
    return this.isInitial ? null : lr * this.number("gamma");
  }
  protected override firstLr(_group: ParamGroup, base: number): number {
    return base;
  }
}

/** ConstantLR's options. */
export interface ConstantLROptions extends LastEpoch {
  readonly factor?: number;
  readonly totalIters?: number;
}

/** torch.optim.lr_scheduler.ConstantLR: the learning rate times a factor, for the first totalIters epochs. */
export class ConstantLR extends GroupSchedule {
  constructor(optimizer: Optimizer, options: ConstantLROptions = {}) {
    const { factor = 1 / 3, totalIters = 5 } = options;
    requireThat(factor >= 0 && factor <= 1, "ConstantLR", `factor lies between 0 and 1, got ${factor}`);
    super(optimizer, [
      ["factor", new PyFloat(factor)],
      ["total_iters", totalIters],
    ]);
    this.begin(options);
  }

  protected override nextLr({ lr }: ParamGroup): number | null {
    if (this.lastEpoch === 0) return lr * this.number("factor");
    return this.lastEpoch === this.number("total_iters") ? lr * (1 / this.number("factor")) : null;
  }
  protected override firstLr(_group: ParamGroup, base: number): number {
    const factor = this.number("factor");
    return base * (factor + (this.number("total_iters") <= 0 ? 1 : 0) * (1 - factor));
  }
}

/** LinearLR's options. */
export interface LinearLROptions extends LastEpoch {
  readonly startFactor?: number;
  readonly endFactor?: number;
  readonly totalIters?: number;
}

/** torch.optim.lr_scheduler.LinearLR: a factor that goes in a line from startFactor to endFactor. */
export class LinearLR extends GroupSchedule {
  constructor(optimizer: Optimizer, options: LinearLROptions = {}) {
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options;
    requireThat(
      startFactor > 0 && startFactor <= 1,
      "LinearLR",
      `startFactor lies above 0, up to 1, got ${startFactor}`,
    );
    requireThat(endFactor >= 0 && endFactor <= 1, "LinearLR", `endFactor lies between 0 and 1, got ${endFactor}`);
    super(optimizer, [
      ["start_factor", new PyFloat(startFactor)],
      ["end_factor", new PyFloat(endFactor)],
      ["total_iters", totalIters],
    ]);
    this.begin(options);
  }

  protected override nextLr({ lr }: ParamGroup): number | null {
    const [start, end, total] = this.#line;
    if (this.lastEpoch === 0) return lr * start;
    if (this.isInitial || this.lastEpoch > total) return null;
    return lr * (1 + (end - start) / (total * start + (this.lastEpoch - 1) * (end - start)));
  }
  protected override firstLr(_group: ParamGroup, base: number): number {
    const [start, end, total] = this.#line;
    return base * (start + ((end - start) * Math.min(total, 0)) / total);
  }

  get #line(): [number, number, number] {
    return [this.number("start_factor"), this.number("end_factor"), this.number("total_iters")];
  }
}

/** PolynomialLR's options. */
export interface PolynomialLROptions extends LastEpoch {
  readonly totalIters?: number;
  readonly power?: number;
}

/** torch.optim.lr_scheduler.PolynomialLR: down to nothing in totalIters epochs, along a power. */
export class PolynomialLR extends GroupSchedule {
  constructor(optimizer: Optimizer, options: PolynomialLROptions = {}) {
    super(optimizer, [
      ["total_iters", options.totalIters ?? 5],
      ["power", new PyFloat(options.power ?? 1)],
    ]);
    this.begin(options);
  }

  protected override nextLr({ lr }: ParamGroup): number | null {
    const total = this.number("total_iters");
    if (this.isInitial || this.lastEpoch > total) return null;
    const ratio = (1 - this.lastEpoch / total) / (1 - (this.lastEpoch - 1) / total);
    return lr * power(ratio, this.number("power"));
  }
  protected override firstLr(_group: ParamGroup, base: number): number {
    const total = this.number("total_iters");
    return base * power(1 - Math.min(total, 0) / total, this.number("power"));
  }
}
