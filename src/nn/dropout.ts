import { LtrainError } from "../errors.js";
import { bernoulli, defaultGenerator } from "../tensor/generator.js";
import { randomInput } from "../tensor/randomInput.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { Module, type Layer } from "./module.js";

/**
 * `F.dropout`: each element is zero with probability `p`, and the others grow by 1/(1-p). The draws are those of torch
 * on the CPU, one double for each element.
 */
export function dropout(x: Tensor, p = 0.5, training = true): Tensor {
  if (!(p >= 0 && p <= 1)) throw new LtrainError("argument.invalid", `a dropout probability is from 0 to 1, got ${p}`);
  if (!training || p === 0) return x;
  if (p === 1) return tf.mul(x, 0);
  const scale = 1 / Math.fround(1 - p); // torch divides the mask, in float32
  const mask = randomInput({
    name: `dropout ${p}`,
    shape: x.shape,
    draw: () => bernoulli(defaultGenerator, x.size, 1 - p).map((kept) => kept * scale),
  });
  return tf.mul(x, mask);
}

/** torch.nn.Dropout: does nothing in evaluation. */
export class Dropout extends Module implements Layer {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = p;
  }

  forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.training);
  }
}
