import { LtrainError } from "../errors.js";
import { float32Tensor } from "../storage/hostTensor.js";
import { defaultGenerator, uniform_ } from "../tensor/generator.js";
import type { Tensor } from "../tensor/tf.js";
import { conv1d, conv2d, type Conv1dOptions, type Conv2dOptions } from "./convolution.js";
import { kaimingUniform } from "./init.js";
import { Module, type Layer } from "./module.js";
import { Parameter } from "./parameter.js";
import { checkedPair, type Size2d } from "./size2d.js";
import {
  convTranspose1d,
  convTranspose2d,
  type ConvTranspose1dOptions,
  type ConvTranspose2dOptions,
} from "./transposedConvolution.js";

/** Conv2d's options. */
export interface Conv2dLayerOptions extends Conv2dOptions {
  readonly bias?: boolean;
}

/** Conv1d's options. */
export interface Conv1dLayerOptions extends Conv1dOptions {
  readonly bias?: boolean;
}

/** ConvTranspose2d's options. */
export interface ConvTranspose2dLayerOptions extends ConvTranspose2dOptions {
  readonly bias?: boolean;
}

/** ConvTranspose1d's options. */
export interface ConvTranspose1dLayerOptions extends ConvTranspose1dOptions {
  readonly bias?: boolean;
}

/** What a convolution's parameters are made from. */
interface Filters {
  readonly kernel: readonly number[];
  readonly groups: number | undefined;
  readonly bias: boolean | undefined;
  readonly isTransposed?: boolean;
}

/** What all have: a weight in torch's layout and torch's draws, weight first. */
abstract class Convolution extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inChannels: number, outChannels: number, filters: Filters) {
    super();
    const { kernel, groups = 1, bias = true, isTransposed = false } = filters;
    const counts = [inChannels, outChannels, groups];
    if (!counts.every((n) => Number.isInteger(n) && n > 0) || inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new LtrainError(
        "argument.invalid",
        `a convolution from ${inChannels} to ${outChannels} channels cannot have ${groups} groups`,
        { hint: "both numbers of channels are multiples of the number of groups" },
      );
    }
    const shape = isTransposed
      ? [inChannels, outChannels / groups, ...kernel]
      : [outChannels, inChannels / groups, ...kernel];
    this.weight = new Parameter(float32Tensor(kaimingUniform(shape, Math.sqrt(5)), shape));
    const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
    const bound = 1 / Math.sqrt(fanIn);
    this.bias = bias
      ? new Parameter(float32Tensor(uniform_(defaultGenerator, outChannels, -bound, bound), [outChannels]))
      : null;
  }
}

/** torch.nn.Conv2d over [N, C, H, W]; the weight is kept as [out, in / groups, height, width]. */
export class Conv2d extends Convolution implements Layer {
  readonly #options: Conv2dOptions;

  constructor(inChannels: number, outChannels: number, kernelSize: Size2d, options: Conv2dLayerOptions = {}) {
    const { bias, ...others } = options;
    const kernel = checkedPair("Conv2d", "kernelSize", kernelSize, 1);
    super(inChannels, outChannels, { kernel, groups: others.groups, bias });
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
    const { bias, ...others } = options;
    super(inChannels, outChannels, { kernel: [kernelSize], groups: others.groups, bias });
    this.#options = others;
  }

  forward(x: Tensor): Tensor {
    return conv1d(x, this.weight.value, this.bias?.value, this.#options);
  }
}

/** torch.nn.ConvTranspose2d over [N, C, H, W]; the weight is kept as [in, out / groups, height, width]. */
export class ConvTranspose2d extends Convolution implements Layer {
  readonly #options: ConvTranspose2dOptions;

  constructor(inChannels: number, outChannels: number, kernelSize: Size2d, options: ConvTranspose2dLayerOptions = {}) {
    const { bias, ...others } = options;
    const kernel = checkedPair("ConvTranspose2d", "kernelSize", kernelSize, 1);
    super(inChannels, outChannels, { kernel, groups: others.groups, bias, isTransposed: true });
    const [stride, dilation] = [others.stride ?? 1, others.dilation ?? 1];
    const steps = checkedPair("ConvTranspose2d", "stride", stride, 1);
    const gaps = checkedPair("ConvTranspose2d", "dilation", dilation, 1);
    checkedPair("ConvTranspose2d", "padding", others.padding ?? 0, 0);
    const extra = checkedPair("ConvTranspose2d", "outputPadding", others.outputPadding ?? 0, 0);
    if (extra.some((size, axis) => size >= Math.max(steps[axis] ?? 1, gaps[axis] ?? 1))) {
      throw new LtrainError(
        "argument.invalid",
        `ConvTranspose2d's outputPadding is less than its stride or its dilation, got ${JSON.stringify(extra)}`,
      );
    }
    this.#options = others;
  }

  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight.value, this.bias?.value, this.#options);
  }
}

/** torch.nn.ConvTranspose1d over [N, C, L]; the weight is kept as [in, out / groups, length]. */
export class ConvTranspose1d extends Convolution implements Layer {
  readonly #options: ConvTranspose1dOptions;

  constructor(inChannels: number, outChannels: number, kernelSize: number, options: ConvTranspose1dLayerOptions = {}) {
    const { bias, ...others } = options;
    super(inChannels, outChannels, { kernel: [kernelSize], groups: others.groups, bias, isTransposed: true });
    this.#options = others;
  }

  forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight.value, this.bias?.value, this.#options);
  }
}
