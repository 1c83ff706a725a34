import { float32Tensor } from "../storage/hostTensor.js";
import { defaultGenerator, uniform_ } from "../tensor/generator.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { kaimingUniform } from "./init.js";
import { Module, type Layer } from "./module.js";
import { Parameter } from "./parameter.js";

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
    const rows = x.rank === 2 ? x : tf.reshape(x, [-1, inFeatures]);
    const product = tf.matMul(rows, this.weight.value, false, true);
    const sum = this.bias === null ? product : tf.add(product, this.bias.value);
    return x.rank === 2 ? sum : tf.reshape(sum, [...x.shape.slice(0, -1), outFeatures]);
  }
}
