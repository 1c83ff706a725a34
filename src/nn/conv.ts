import { LtrainError } from "../errors.js";
import { float32Tensor } from "../storage/hostTensor.js";
import { defaultGenerator, uniform_ } from "../tensor/generator.js";
import type { Tensor } from "../tensor/tf.js";
import { conv1d, conv2d, type Conv1dOptions, type Conv2dOptions } from "./convolution.js";
import { kaimingUniform } from "./init.js";
import { Module, type Layer } from "./module.js";
import { Parameter } from "./parameter.js";
import { checkedPair, type Size2d } from "./size2d.js";

/** Conv2d's options. */
export interface Conv2dLayerOptions extends Conv2dOptions {
  readonly bias?: boolean;
}

/** Conv1d's options. */
export interface Conv1dLayerOptions extends Conv1dOptions {
  readonly bias?: boolean;
}

/** What both have: a weight in torch's layout and torch's draws, weight first. */
abstract class Convolution extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inChannels: number, outChannels: number, kernel: readonly number[], groups: number, hasBias: boolean) {
    super();
    const counts = [inChannels, outChannels, groups];
    if (!counts.every((n) => Number.isInteger(n) && n > 0) || inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new LtrainError(
        "argument.invalid",
        `a convolution from ${inChannels} to ${outChannels} channels cannot have ${groups} groups`,
        { hint: "both numbers of channels are multiples of the number of groups" },
      );
    }
    const shape = [outChannels, inChannels / groups, ...kernel];
    this.weight = new Parameter(float32Tensor(kaimingUniform(shape, Math.sqrt(5)), shape));
    const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
    const bound = 1 / Math.sqrt(fanIn);
    this.bias = hasBias
      ? new Parameter(float32Tensor(uniform_(defaultGenerator, outChannels, -bound, bound), [outChannels]))
      : null;
  }
}

/** torch.nn.Conv2d over [N, C, H, W]; the weight is kept as [out, in / groups, height, width]. */
export class Conv2d extends Convolution implements Layer {
  readonly #options: Conv2dOptions;

  constructor(inChannels: number, outChannels: number, kernelSize: Size2d, options: Conv2dLayerOptions = {}) {
    const { bias = true, ...others } = options;
    super(inChannels, outChannels, checkedPair("Conv2d", "kernelSize", kernelSize, 1), others.groups ?? 1, bias);
    checkedPair("Conv2d", "stride", others.stride ?? 1, 1);
    checkedPair("Conv2d", "dilation", others.dilation ?? 1, 1);
    if (typeof others.padding !== "string") checkedPair("Conv2d", "padding", others.padding ?? 0, 0);
    this.#options = others;
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight.value, this.bias?.value, this.#options);
  }
}

/** torch.nn.Conv1d over [N, C, L]; the weight is kept as [out, in / groups, length]. */
export class Conv1d extends Convolution implements Layer {
  readonly #options: Conv1dOptions;

  constructor(inChannels: number, outChannels: number, kernelSize: number, options: Conv1dLayerOptions = {}) {
    const { bias = true, ...others } = options;
    super(inChannels, outChannels, [kernelSize], others.groups ?? 1, bias);
    this.#options = others;
  }

  forward(x: Tensor): Tensor {
    return conv1d(x, this.weight.value, this.bias?.value, this.#options);
  }
}
