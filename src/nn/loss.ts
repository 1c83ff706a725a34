import type { Tensor } from "../tensor/tf.js";
import { crossEntropy, mseLoss, type Reduction } from "./functional.js";
import { Module } from "./module.js";

/** What losses have in common. */
export interface LossOptions {
  readonly reduction?: Reduction;
}

/** torch.nn.MSELoss. */
export class MSELoss extends Module {
  readonly reduction: Reduction;

  constructor({ reduction = "mean" }: LossOptions = {}) {
    super();
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.reduction);
  }
}

/** torch.nn.CrossEntropyLoss for integer targets. */
export class CrossEntropyLoss extends Module {
  readonly reduction: Reduction;

  constructor({ reduction = "mean" }: LossOptions = {}) {
    super();
    this.reduction = reduction;
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    return crossEntropy(logits, target, this.reduction);
  }
}
