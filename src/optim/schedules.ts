import { LtrainError } from "../errors.js";
import { PyFloat } from "../pickle/values.js";
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
