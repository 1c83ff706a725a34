import type { Tensor } from "../tensor/tf.js";
import { Module, type Layer } from "./module.js";
import { avgPool2d, maxPool2d, type AvgPoolOptions, type PoolOptions } from "./pooling.js";
import { checkedPair, type Size2d } from "./size2d.js";

/** torch.nn.MaxPool2d. */
export class MaxPool2d extends Module implements Layer {
  readonly kernelSize: Size2d;
  readonly #options: PoolOptions;

  constructor(kernelSize: Size2d, options: PoolOptions = {}) {
    super();
    this.kernelSize = checkedPair("MaxPool2d", "kernelSize", kernelSize, 1);
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.#options);
  }
}

/** torch.nn.AvgPool2d. */
export class AvgPool2d extends Module implements Layer {
  readonly kernelSize: Size2d;
  readonly #options: AvgPoolOptions;

  constructor(kernelSize: Size2d, options: AvgPoolOptions = {}) {
    super();
    this.kernelSize = checkedPair("AvgPool2d", "kernelSize", kernelSize, 1);
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.#options);
  }
}
