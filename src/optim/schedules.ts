import { LtrainError } from "../errors.js";
import { PyFloat } from "../pickle/values.js";
import { sincos } from "../tensor/exactTrig.js";
import { LRScheduler } from "./lrScheduler.js";
import type { Optimizer } from "./optimizer.js";

/** StepLR's options. */
export interface StepLROptions {
  readonly stepSize: number;
  readonly gamma?: number;
}

/** torch.optim.lr_scheduler.StepLR: the learning rate times gamma, every stepSize epochs. */
export class StepLR extends LRScheduler {
  constructor(optimizer: Optimizer, { stepSize, gamma = 0.1 }: StepLROptions) {
    if (!Number.isInteger(stepSize) || stepSize < 1) {
      throw new LtrainError("argument.invalid", `StepLR's stepSize is a whole number from 1, got ${stepSize}`);
    }
    super(optimizer, [
      ["step_size", stepSize],
      ["gamma", new PyFloat(gamma)],
    ]);
    this.initialStep();
  }

  protected override nextLrs(): number[] {
    const decays = this.lastEpoch !== 0 && this.lastEpoch % this.number("step_size") === 0;
    return this.optimizer.paramGroups.map(({ lr }) => (decays ? lr * this.number("gamma") : lr));
  }
}

/** CosineAnnealingLR's options. */
export interface CosineAnnealingLROptions {
  /** Epochs, or steps, from the first learning rate down to etaMin. */
  readonly tMax: number;
  readonly etaMin?: number;
}

/** torch.optim.lr_scheduler.CosineAnnealingLR: down to etaMin along half a cosine, and up again where it goes on. */
export class CosineAnnealingLR extends LRScheduler {
  constructor(optimizer: Optimizer, { tMax, etaMin = 0 }: CosineAnnealingLROptions) {
    if (!Number.isInteger(tMax) || tMax < 1) {
      throw new LtrainError("argument.invalid", `CosineAnnealingLR's tMax is a whole number from 1, got ${tMax}`);
    }
    super(optimizer, [
      ["T_max", tMax],
      ["eta_min", new PyFloat(etaMin)],
    ]);
    this.initialStep();
  }

  protected override nextLrs(): number[] {
    const [epoch, tMax, etaMin] = [this.lastEpoch, this.number("T_max"), this.number("eta_min")];
    const { baseLrs } = this;
    return this.optimizer.paramGroups.map(({ lr }, i) => {
      if (epoch === 0) return lr;
      const span = (baseLrs[i] ?? lr) - etaMin;
      if (this.number("_step_count") === 1) return etaMin + (span * (1 + cos((epoch * Math.PI) / tMax))) / 2;
      if (isMultiple(epoch - 1 - tMax, 2 * tMax)) return lr + (span * (1 - cos(Math.PI / tMax))) / 2;
      const ratio = (1 + cos((Math.PI * epoch) / tMax)) / (1 + cos((Math.PI * (epoch - 1)) / tMax));
      return ratio * (lr - etaMin) + etaMin;
    });
  }
}

/** The C library's cosine, which Python computes with; V8's has other last bits. */
function cos(angle: number): number {
  return sincos(angle).cos;
}

function isMultiple(value: number, of: number): boolean {
  return Math.abs(value) % of === 0;
}
