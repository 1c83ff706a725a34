import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";

/** Which form of GELU. */
export interface GELUOptions {
  /** "tanh": the approximation that GPT-2 was trained with. */
  readonly approximate?: "none" | "tanh";
}

/** Softplus's options. */
export interface SoftplusOptions {
  readonly beta?: number;
  /** Above this, x·beta counts as the result itself. */
  readonly threshold?: number;
}

/** Hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return tf.tanh(x);
}

/** 1 / (1 + e^-x). */
export function sigmoid(x: Tensor): Tensor {
  return tf.sigmoid(x);
}

/** `F.logsigmoid`: log(sigmoid(x)), finite for every x. */
export function logSigmoid(x: Tensor): Tensor {
  return tf.neg(tf.softplus(tf.neg(x)));
}

/** `F.softplus`: log(1 + e^(beta·x)) / beta. */
export function softplus(x: Tensor, { beta = 1, threshold = 20 }: SoftplusOptions = {}): Tensor {
  const soft = beta === 1 ? tf.softplus(x) : tf.div(tf.softplus(tf.mul(x, beta)), beta);
  // At torch's own threshold the two no longer differ in float32.
  return threshold >= 20 ? soft : tf.where(tf.greater(tf.mul(x, beta), threshold), x, soft);
}

/** `F.softsign`: x / (1 + |x|). */
export function softsign(x: Tensor): Tensor {
  return tf.div(x, tf.add(tf.abs(x), 1));
}

/** `F.tanhshrink`: x - tanh(x). */
export function tanhshrink(x: Tensor): Tensor {
  return tf.sub(x, tf.tanh(x));
}

/** `F.silu`: x·sigmoid(x). */
export function silu(x: Tensor): Tensor {
  return tf.mul(x, tf.sigmoid(x));
}

/** `F.mish`: x·tanh(softplus(x)). */
export function mish(x: Tensor): Tensor {
  return tf.mul(x, tf.tanh(tf.softplus(x)));
}

/** `F.glu`: the first half of an axis, gated by the second. */
export function glu(x: Tensor, dim = -1): Tensor {
  const size = x.shape.at(dim) ?? 0;
  if (size % 2 !== 0) {
    throw new LtrainError(
      "argument.invalid",
      `glu halves an axis, and that of [${x.shape.join(", ")}] is ${size} long`,
    );
  }
  const [value = x, gate = x] = tf.split(x, 2, dim < 0 ? dim + x.rank : dim);
  return tf.mul(value, tf.sigmoid(gate));
}

/** `F.gelu`: x times the normal distribution's share below x. */
export function gelu(x: Tensor, { approximate = "none" }: GELUOptions = {}): Tensor {
  return approximate === "tanh" ? tanhGelu(x) : exactGelu(x);
}

function tanhGelu(x: Tensor): Tensor {
  const inner = tf.mul(tf.mul(x, tf.add(tf.mul(tf.square(x), 0.044715), 1)), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
}

/** With its gradient written down, Φ(x) + x·φ(x), since both share Φ(x). */
function exactGelu(x: Tensor): Tensor {
  const run = tf.customGrad((input, save) => {
    const below = tf.mul(tf.add(tf.erf(tf.mul(input as Tensor, Math.SQRT1_2)), 1), 0.5);
    (save as tf.GradSaveFunc)([input as Tensor, below]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [y = input as Tensor, share = below] = saved;
      const density = tf.mul(tf.exp(tf.mul(tf.square(y), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return tf.mul(dy, tf.add(share, tf.mul(y, density)));
    };
    return { value: tf.mul(input as Tensor, below), gradFunc };
  });
  return run(x);
}
