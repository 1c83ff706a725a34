import { float32Tensor } from "../storage/hostTensor.js";
import type { Tensor } from "../tensor/tf.js";
import { Module, type Layer } from "./module.js";
import { layerNorm } from "./normalization.js";
import { Parameter } from "./parameter.js";

/** LayerNorm's options. */
export interface LayerNormOptions {
  readonly eps?: number;
  readonly bias?: boolean;
}

/** torch.nn.LayerNorm over the last axes, which have this shape; always with a weight. */
export class LayerNorm extends Module implements Layer {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly eps: number;

  constructor(normalizedShape: number | readonly number[], { eps = 1e-5, bias = true }: LayerNormOptions = {}) {
    super();
    const shape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
    const size = shape.reduce((product, length) => product * length, 1);
    this.weight = new Parameter(float32Tensor(new Float32Array(size).fill(1), shape));
    this.bias = bias ? new Parameter(float32Tensor(new Float32Array(size), shape)) : null;
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight.value, this.bias?.value, this.eps);
  }
}
