import { tf, type Tensor } from "../tensor/tf.js";

/** `log(softmax(x))` over an axis, by default the last. */
export function logSoftmax(x: Tensor, dim = -1): Tensor {
  return alongLast(x, dim, (y) => tf.logSoftmax(y));
}

/** `softmax(x)` over an axis, by default the last. */
export function softmax(x: Tensor, dim = -1): Tensor {
  return alongLast(x, dim, (y) => tf.softmax(y));
}

/** `softmax(-x)` over an axis, by default the last. */
export function softmin(x: Tensor, dim = -1): Tensor {
  return softmax(tf.neg(x), dim);
}

/** tfjs takes both over the last axis only. */
function alongLast(x: Tensor, dim: number, f: (x: Tensor) => Tensor): Tensor {
  const last = x.rank - 1;
  const chosen = dim < 0 ? dim + x.rank : dim;
  if (chosen === last || x.rank < 2) return f(x);
  const swapped = x.shape.map((_, i) => (i === chosen ? last : i === last ? chosen : i));
  return tf.transpose(f(tf.transpose(x, swapped)), swapped);
}
