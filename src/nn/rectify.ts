import { tf, type Tensor } from "../tensor/tf.js";

/** max(x, 0); the gradient at 0 is 0, as in torch. */
export function relu(x: Tensor): Tensor {
  return tf.relu(x);
}

/** `F.relu6`: between 0 and 6. */
export function relu6(x: Tensor): Tensor {
  return tf.relu6(x);
}

/** `F.leaky_relu`: a slope of its own below 0. */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  return tf.leakyRelu(x, negativeSlope);
}

/** `F.prelu`: a learned slope below 0, one for all or one for each channel of [N, C, …]. */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const over = weight.size === 1 || x.rank < 2 ? [] : x.shape.slice(2).map(() => 1);
  return tf.prelu(x, weight.size === 1 ? tf.reshape(weight, []) : tf.reshape(weight, [weight.size, ...over]));
}

/** `F.elu`: alpha·(eˣ - 1) below 0. */
export function elu(x: Tensor, alpha = 1): Tensor {
  return alpha === 1 ? tf.elu(x) : below(x, (y) => tf.mul(tf.expm1(y), alpha));
}

/** `F.selu`. */
export function selu(x: Tensor): Tensor {
  return tf.selu(x);
}

/** `F.celu`: alpha·(e^(x/alpha) - 1) below 0. */
export function celu(x: Tensor, alpha = 1): Tensor {
  return below(x, (y) => tf.mul(tf.expm1(tf.div(y, alpha)), alpha));
}

/** `F.threshold`: x where it is above the threshold, else the value. */
export function threshold(x: Tensor, limit: number, value: number): Tensor {
  return tf.where(tf.greater(x, limit), x, tf.fill(x.shape, value));
}

/** `F.hardtanh`: between two bounds. */
export function hardtanh(x: Tensor, minVal = -1, maxVal = 1): Tensor {
  return tf.clipByValue(x, minVal, maxVal);
}

/** `F.hardsigmoid`: (x + 3)/6 between 0 and 1. */
export function hardsigmoid(x: Tensor): Tensor {
  return tf.div(tf.relu6(tf.add(x, 3)), 6);
}

/** `F.hardswish`: x·hardsigmoid(x). */
export function hardswish(x: Tensor): Tensor {
  return tf.mul(x, hardsigmoid(x));
}

/** `F.hardshrink`: 0 where |x| is at most lambd. */
export function hardshrink(x: Tensor, lambd = 0.5): Tensor {
  return tf.where(tf.greater(tf.abs(x), lambd), x, tf.zerosLike(x));
}

/** `F.softshrink`: nearer to 0 by lambd, and 0 where that would change the sign. */
export function softshrink(x: Tensor, lambd = 0.5): Tensor {
  return tf.sub(tf.relu(tf.sub(x, lambd)), tf.relu(tf.sub(tf.neg(x), lambd)));
}

/** x above 0, and `f` of it elsewhere; what `f` would be above 0 is not looked at, for it may be infinite. */
function below(x: Tensor, f: (x: Tensor) => Tensor): Tensor {
  const isAbove = tf.greater(x, 0);
  return tf.where(isAbove, x, f(tf.where(isAbove, tf.zerosLike(x), x)));
}
