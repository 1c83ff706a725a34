import type { Tensor } from "../tensor/tf.js";
import { Module } from "./module.js";
import type { LossOptions } from "./reduction.js";
import {
  gaussianNLLLoss,
  huberLoss,
  l1Loss,
  mseLoss,
  poissonNLLLoss,
  smoothL1Loss,
  type GaussianNLLLossOptions,
  type HuberLossOptions,
  type PoissonNLLLossOptions,
  type SmoothL1LossOptions,
} from "./regression.js";

/** torch.nn.MSELoss. */
export class MSELoss extends Module {
  readonly #options: LossOptions;

  constructor(options: LossOptions = {}) {
    super();
    this.#options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.#options);
  }
}

/** torch.nn.L1Loss. */
export class L1Loss extends Module {
  readonly #options: LossOptions;

  constructor(options: LossOptions = {}) {
    super();
    this.#options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.#options);
  }
}

/** torch.nn.SmoothL1Loss. */
export class SmoothL1Loss extends Module {
  readonly #options: SmoothL1LossOptions;

  constructor(options: SmoothL1LossOptions = {}) {
    super();
    this.#options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this.#options);
  }
}

/** torch.nn.HuberLoss. */
export class HuberLoss extends Module {
  readonly #options: HuberLossOptions;

  constructor(options: HuberLossOptions = {}) {
    super();
    this.#options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, this.#options);
  }
}

/** torch.nn.PoissonNLLLoss. */
export class PoissonNLLLoss extends Module {
  readonly #options: PoissonNLLLossOptions;

  constructor(options: PoissonNLLLossOptions = {}) {
    super();
    this.#options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return poissonNLLLoss(input, target, this.#options);
  }
}

/** torch.nn.GaussianNLLLoss. */
export class GaussianNLLLoss extends Module {
  readonly #options: GaussianNLLLossOptions;

  constructor(options: GaussianNLLLossOptions = {}) {
    super();
    this.#options = options;
  }

  forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return gaussianNLLLoss(input, target, variance, this.#options);
  }
}
