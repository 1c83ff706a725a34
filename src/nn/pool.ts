import type { Tensor } from "../tensor/tf.js";
import { Module, type Layer } from "./module.js";
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  avgPool1d,
  avgPool2d,
  maxPool1d,
  maxPool2d,
  type AvgPool1dOptions,
  type AvgPoolOptions,
  type Pool1dOptions,
  type PoolOptions,
} from "./pooling.js";
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

/** torch.nn.MaxPool1d over [N, C, L]. */
export class MaxPool1d extends Module implements Layer {
  readonly kernelSize: number;
  readonly #options: Pool1dOptions;

  constructor(kernelSize: number, options: Pool1dOptions = {}) {
    super();
    [this.kernelSize] = checkedPair("MaxPool1d", "kernelSize", kernelSize, 1);
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, this.#options);
  }
}

/** torch.nn.AvgPool1d over [N, C, L]. */
export class AvgPool1d extends Module implements Layer {
  readonly kernelSize: number;
  readonly #options: AvgPool1dOptions;

  constructor(kernelSize: number, options: AvgPool1dOptions = {}) {
    super();
    [this.kernelSize] = checkedPair("AvgPool1d", "kernelSize", kernelSize, 1);
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this.#options);
  }
}

/** torch.nn.AdaptiveAvgPool2d: averages of as many windows as are asked for; null leaves an axis as it is. */
export class AdaptiveAvgPool2d extends Module implements Layer {
  readonly outputSize: readonly [number | null, number | null];

  constructor(outputSize: Size2d | readonly [number | null, number | null]) {
    super();
    const [rows, columns] = typeof outputSize === "number" ? [outputSize, outputSize] : outputSize;
    checkedPair("AdaptiveAvgPool2d", "outputSize", [rows ?? 1, columns ?? 1], 1);
    this.outputSize = [rows, columns];
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }
}

/** torch.nn.AdaptiveAvgPool1d. */
export class AdaptiveAvgPool1d extends Module implements Layer {
  readonly outputSize: number;

  constructor(outputSize: number) {
    super();
    [this.outputSize] = checkedPair("AdaptiveAvgPool1d", "outputSize", outputSize, 1);
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, this.outputSize);
  }
}
