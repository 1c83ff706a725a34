import { LtrainError } from "../errors.js";
import { float32Tensor } from "../storage/hostTensor.js";
import type { Tensor } from "../tensor/tf.js";
import { Module, type Layer } from "./module.js";
import { groupNorm, rmsNorm } from "./normalization.js";
import { Parameter } from "./parameter.js";

/** GroupNorm's options. */
export interface GroupNormOptions {
  readonly eps?: number;
  readonly affine?: boolean;
}

/** RMSNorm's options. */
export interface RMSNormOptions {
  /** Added to the mean square; the least step of float32 when it is not given. */
  readonly eps?: number | null;
  readonly elementwiseAffine?: boolean;
}

/** torch.nn.GroupNorm over [N, C, …]. */
export class GroupNorm extends Module implements Layer {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly numGroups: number;
  readonly eps: number;

  constructor(numGroups: number, numChannels: number, { eps = 1e-5, affine = true }: GroupNormOptions = {}) {
    super();
    if (numChannels % numGroups !== 0) {
      throw new LtrainError("argument.invalid", `${numChannels} channels cannot be divided into ${numGroups} groups`);
    }
    this.weight = affine ? filled(1, [numChannels]) : null;
    this.bias = affine ? filled(0, [numChannels]) : null;
    this.numGroups = numGroups;
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, this.numGroups, this.weight?.value, this.bias?.value, this.eps);
  }
}

/** torch.nn.InstanceNorm2d over [N, C, H, W]: every channel of every example by itself; no running statistics. */
export class InstanceNorm2d extends GroupNorm {
  constructor(numFeatures: number, { eps = 1e-5, affine = false }: GroupNormOptions = {}) {
    super(numFeatures, numFeatures, { eps, affine });
  }
}

/** torch.nn.InstanceNorm1d over [N, C, L]. */
export class InstanceNorm1d extends InstanceNorm2d {}

/** torch.nn.RMSNorm over the last axes, which have this shape. */
export class RMSNorm extends Module implements Layer {
  readonly weight: Parameter | null;
  readonly eps: number | undefined;
  readonly #dims: number;

  constructor(normalizedShape: number | readonly number[], options: RMSNormOptions = {}) {
    super();
    const shape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
    this.weight = (options.elementwiseAffine ?? true) ? filled(1, shape) : null;
    this.eps = options.eps ?? undefined;
    this.#dims = shape.length;
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight?.value, this.eps, this.#dims);
  }
}

function filled(value: number, shape: readonly number[]): Parameter {
  const size = shape.reduce((product, length) => product * length, 1);
  return new Parameter(float32Tensor(new Float32Array(size).fill(value), shape));
}
