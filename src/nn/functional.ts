import { tf, type Tensor } from "../tensor/tf.js";

export { multiHeadAttention, scaledDotProductAttention, type AttentionOptions } from "./attention.js";
export { conv1d, conv2d, type Conv1dOptions, type Conv2dOptions } from "./convolution.js";
export { dropout } from "./dropout.js";
export { embedding } from "./embedding.js";
export { layerNorm } from "./normalization.js";
export { avgPool2d, maxPool2d, type AvgPoolOptions, type PoolOptions } from "./pooling.js";

/** How a loss brings its elements to one number. */
export type Reduction = "mean" | "sum" | "none";

/** max(x, 0); the gradient at 0 is 0, as in torch. */
export function relu(x: Tensor): Tensor {
  return tf.relu(x);
}

/** Hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return tf.tanh(x);
}

/** 1 / (1 + e^-x). */
export function sigmoid(x: Tensor): Tensor {
  return tf.sigmoid(x);
}

/** Which form of GELU. */
export interface GELUOptions {
  /** "tanh": the approximation that GPT-2 was trained with. */
  readonly approximate?: "none" | "tanh";
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

/** `F.silu`: x·sigmoid(x). */
export function silu(x: Tensor): Tensor {
  return tf.mul(x, tf.sigmoid(x));
}

/** `torch.flatten`: axes startDim to endDim become one. */
export function flatten(x: Tensor, startDim = 0, endDim = -1): Tensor {
  const start = startDim < 0 ? startDim + x.rank : startDim;
  const end = endDim < 0 ? endDim + x.rank : endDim;
  const merged = x.shape.slice(start, end + 1).reduce((product, size) => product * size, 1);
  return tf.reshape(x, [...x.shape.slice(0, start), merged, ...x.shape.slice(end + 1)]);
}

/** `log(softmax(x))` over an axis, by default the last. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return alongLast(x, axis, (y) => tf.logSoftmax(y));
}

/** `softmax(x)` over an axis, by default the last. */
export function softmax(x: Tensor, axis = -1): Tensor {
  return alongLast(x, axis, (y) => tf.softmax(y));
}

/** tfjs takes both over the last axis only. */
function alongLast(x: Tensor, axis: number, f: (x: Tensor) => Tensor): Tensor {
  const last = x.rank - 1;
  const chosen = axis < 0 ? axis + x.rank : axis;
  if (chosen === last || x.rank < 2) return f(x);
  const swapped = x.shape.map((_, i) => (i === chosen ? last : i === last ? chosen : i));
  return tf.transpose(f(tf.transpose(x, swapped)), swapped);
}

/** `F.mse_loss`. */
export function mseLoss(input: Tensor, target: Tensor, reduction: Reduction = "mean"): Tensor {
  return reduce(tf.square(tf.sub(input, target)), reduction);
}

/** `F.nll_loss` for log-probabilities [batch, classes] and integer targets [batch]. */
export function nllLoss(logProbabilities: Tensor, target: Tensor, reduction: Reduction = "mean"): Tensor {
  const classes = logProbabilities.shape.at(-1) ?? 0;
  const chosen = tf.oneHot(tf.cast(target, "int32"), classes, 1, 0, "float32");
  return reduce(tf.neg(tf.sum(tf.mul(logProbabilities, chosen), -1)), reduction);
}

/** `F.cross_entropy` for logits [batch, classes] and integer targets [batch]. */
export function crossEntropy(logits: Tensor, target: Tensor, reduction: Reduction = "mean"): Tensor {
  return nllLoss(logSoftmax(logits), target, reduction);
}

function reduce(losses: Tensor, reduction: Reduction): Tensor {
  switch (reduction) {
    case "mean":
      return tf.mean(losses);
    case "sum":
      return tf.sum(losses);
    case "none":
      return losses;
    default:
      reduction satisfies never;
      throw new TypeError("unreachable");
  }
}
