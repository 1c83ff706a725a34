import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { requireChannels, requireTrailing } from "./shapes.js";

/**
 * (x - mean) / √(variance + eps), both over `axes`. The gradient is written down: the tape's own would be three times as
 * many operations.
 */
export function normalize(x: Tensor, axes: readonly number[], eps: number): Tensor {
  const along = [...axes];
  const mean = (t: Tensor): Tensor => tf.mean(t, along, true);
  const run = tf.customGrad((input, save) => {
    const centered = tf.sub(input as Tensor, mean(input as Tensor));
    const inverse = tf.rsqrt(tf.add(mean(tf.square(centered)), eps));
    const value = tf.mul(centered, inverse);
    (save as tf.GradSaveFunc)([value, inverse]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [y = value, scale = inverse] = saved;
      const rest = tf.sub(tf.sub(dy, mean(dy)), tf.mul(y, mean(tf.mul(dy, y))));
      return tf.mul(rest, scale);
    };
    return { value, gradFunc };
  });
  return run(x);
}

/** `F.layer_norm`: over the last axes, as many as `weight` has; without a weight, over the last one. */
export function layerNorm(x: Tensor, weight: Tensor | null = null, bias: Tensor | null = null, eps = 1e-5): Tensor {
  const shape = weight?.shape ?? x.shape.slice(-1);
  requireTrailing(x, shape, "layer_norm");
  const first = x.rank - shape.length;
  const axes = shape.map((_, i) => first + i);
  const normal = normalize(x, axes, eps);
  const scaled = weight === null ? normal : tf.mul(normal, weight);
  return bias === null ? scaled : tf.add(scaled, bias);
}

/** `F.group_norm`: [N, C, …] by mean and variance of each group of channels; weight and bias [C]. */
export function groupNorm(
  x: Tensor,
  numGroups: number,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  eps = 1e-5,
): Tensor {
  const [batch = 0, channels = 0] = x.shape;
  if (x.rank < 2 || channels % numGroups !== 0) {
    throw new LtrainError(
      "argument.invalid",
      `group_norm of ${numGroups} groups takes [N, a multiple of ${numGroups}, …], got [${x.shape.join(", ")}]`,
    );
  }
  requireChannels(x, weight?.shape[0], "group_norm");
  const normal = tf.reshape(normalize(tf.reshape(x, [batch, numGroups, -1]), [2], eps), x.shape);
  const scaled = weight === null ? normal : tf.mul(normal, overChannels(weight, x));
  return bias === null ? scaled : tf.add(scaled, overChannels(bias, x));
}

/** The least number that added to 1 makes a difference in float32: torch's default for RMSNorm. */
const EPSILON = 2 ** -23;

/** `F.rms_norm`: x divided by its root mean square over the last axes, as many as `weight` has, or `dims`. */
export function rmsNorm(x: Tensor, weight: Tensor | null = null, eps = EPSILON, dims = weight?.rank ?? 1): Tensor {
  if (weight !== null) requireTrailing(x, weight.shape, "rms_norm");
  const axes = x.shape.map((_, axis) => axis).slice(x.rank - dims);
  const mean = (t: Tensor): Tensor => tf.mean(t, axes, true);
  const run = tf.customGrad((input, save) => {
    const inverse = tf.rsqrt(tf.add(mean(tf.square(input as Tensor)), eps));
    const value = tf.mul(input as Tensor, inverse);
    (save as tf.GradSaveFunc)([value, inverse]);
    const gradFunc = (dy: Tensor, [y = value, scale = inverse]: Tensor[]): Tensor =>
      tf.mul(tf.sub(dy, tf.mul(y, mean(tf.mul(dy, y)))), scale);
    return { value, gradFunc };
  });
  const normal = run(x);
  return weight === null ? normal : tf.mul(normal, weight);
}

/** Mean and variance of every channel of [N, C, …] over all else, and how many values each comes from. */
export function channelStatistics(x: Tensor): {
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly count: number;
} {
  const axes = axesBeside(x);
  const mean = tf.mean(x, axes, true);
  const variance = tf.mean(tf.square(tf.sub(x, mean)), axes);
  const count = axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);
  return { mean: tf.squeeze(mean, axes), variance, count };
}

/** `F.batch_norm` in training: every channel of [N, C, …] by its own mean and variance in the batch. */
export function normalizeChannels(x: Tensor, eps: number): Tensor {
  return normalize(x, axesBeside(x), eps);
}

/** A vector over channels, as it is laid over [N, C, …]. */
export function overChannels(vector: Tensor, x: Tensor): Tensor {
  return tf.reshape(vector, [vector.size, ...x.shape.slice(2).map(() => 1)]);
}

function axesBeside(x: Tensor): number[] {
  return x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
}
