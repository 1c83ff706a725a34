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
  return masked(x, x.shape, p, training);
}

/** `F.dropout1d` and `F.dropout2d`: whole channels of [N, C, …] are zero. */
export function featureDropout(x: Tensor, p = 0.5, training = true): Tensor {
  return masked(x, [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)], p, training);
}

function masked(x: Tensor, shape: readonly number[], p: number, training: boolean): Tensor {
  if (!(p >= 0 && p <= 1)) throw new LtrainError("argument.invalid", `a dropout probability is from 0 to 1, got ${p}`);
  if (!training || p === 0) return x;
  if (p === 1) return tf.mul(x, 0);
  const scale = 1 / Math.fround(1 - p); // torch divides the mask, in float32
  const size = shape.reduce((product, length) => product * length, 1);
  const mask = randomInput({
    name: `dropout ${p}`,
    shape,
    draw: () => bernoulli(defaultGenerator, size, 1 - p).map((kept) => kept * scale),
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

/** torch.nn.Dropout2d: drops whole channels of [N, C, H, W]. */
export class Dropout2d extends Module implements Layer {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = p;
  }

  forward(x: Tensor): Tensor {
    return featureDropout(x, this.p, this.training);
  }
}

/** torch.nn.Dropout1d: drops whole channels of [N, C, L]. */
export class Dropout1d extends Dropout2d {}
