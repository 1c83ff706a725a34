import { float32Tensor } from "../storage/hostTensor.js";
import { defaultGenerator, uniform_ } from "../tensor/generator.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { bilinear } from "./functional.js";
import { kaimingUniform } from "./init.js";
import { Module, type Layer } from "./module.js";
import { Parameter } from "./parameter.js";
import { requireFeatures } from "./shapes.js";

/** Linear's options. */
export interface LinearOptions {
  readonly bias?: boolean;
}

/** torch.nn.Linear: x·Wᵀ + b over the last axis, W kept as [out, in] and initialised with torch's draws. */
export class Linear extends Module implements Layer {
  /** May be set to another layer's, which ties the two. */
  weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, { bias = true }: LinearOptions = {}) {
    super();
    const shape = [outFeatures, inFeatures];
    this.weight = new Parameter(float32Tensor(kaimingUniform(shape, Math.sqrt(5)), shape));
    const bound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0;
    this.bias = bias
      ? new Parameter(float32Tensor(uniform_(defaultGenerator, outFeatures, -bound, bound), [outFeatures]))
      : null;
  }

  forward(x: Tensor): Tensor {
    const [outFeatures = 0, inFeatures = 0] = this.weight.shape;
    requireFeatures(x, inFeatures, this.constructor.name);
    const rows = x.rank === 2 ? x : tf.reshape(x, [-1, inFeatures]);
    const product = tf.matMul(rows, this.weight.value, false, true);
    const sum = this.bias === null ? product : tf.add(product, this.bias.value);
    return x.rank === 2 ? sum : tf.reshape(sum, [...x.shape.slice(0, -1), outFeatures]);
  }
}

/** torch.nn.Bilinear: x·W·y + b for every row of x [..., in1] and y [..., in2]; W is kept as [out, in1, in2]. */
export class Bilinear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(in1Features: number, in2Features: number, outFeatures: number, { bias = true }: LinearOptions = {}) {
    super();
    const bound = 1 / Math.sqrt(in1Features);
    const drawn = (...shape: readonly number[]): Parameter => {
      const size = shape.reduce((product, length) => product * length, 1);
      return new Parameter(float32Tensor(uniform_(defaultGenerator, size, -bound, bound), shape));
    };
    this.weight = drawn(outFeatures, in1Features, in2Features);
    this.bias = bias ? drawn(outFeatures) : null;
  }

  forward(x: Tensor, y: Tensor): Tensor {
    return bilinear(x, y, this.weight.value, this.bias?.value);
  }
}
