import { tf, type Tensor } from "../tensor/tf.js";

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

/** `torch.flatten`: axes startDim to endDim become one. */
export function flatten(x: Tensor, startDim = 0, endDim = -1): Tensor {
  const start = startDim < 0 ? startDim + x.rank : startDim;
  const end = endDim < 0 ? endDim + x.rank : endDim;
  const merged = x.shape.slice(start, end + 1).reduce((product, size) => product * size, 1);
  return tf.reshape(x, [...x.shape.slice(0, start), merged, ...x.shape.slice(end + 1)]);
}

/** `log(softmax(x))` over an axis, by default the last. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return tf.logSoftmax(x, axis);
}

/** `softmax(x)` over the last axis. */
export function softmax(x: Tensor): Tensor {
  return tf.softmax(x);
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
