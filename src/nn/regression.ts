import { tf, type Tensor } from "../tensor/tf.js";
import { reduceLoss, type LossOptions } from "./reduction.js";

/** SmoothL1Loss's options. */
export interface SmoothL1LossOptions extends LossOptions {
  /** Where the parabola ends; at 0 the loss is `l1Loss`. */
  readonly beta?: number;
}

/** HuberLoss's options. */
export interface HuberLossOptions extends LossOptions {
  /** Where the parabola ends. */
  readonly delta?: number;
}

/** PoissonNLLLoss's options. */
export interface PoissonNLLLossOptions extends LossOptions {
  /** Whether the input is the logarithm of the rate. */
  readonly logInput?: boolean;
  /** Whether Stirling's term, which does not depend on the input, is added. */
  readonly full?: boolean;
  readonly eps?: number;
}

/** GaussianNLLLoss's options. */
export interface GaussianNLLLossOptions extends LossOptions {
  /** Whether the constant term is added. */
  readonly full?: boolean;
  /** The least variance. */
  readonly eps?: number;
}

/** `F.mse_loss`: (x - y)². */
export function mseLoss(input: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor {
  return reduceLoss(tf.square(tf.sub(input, target)), reduction);
}

/** `F.l1_loss`: |x - y|. */
export function l1Loss(input: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor {
  return reduceLoss(tf.abs(tf.sub(input, target)), reduction);
}

/** `F.smooth_l1_loss`: a parabola of half width `beta`, straight lines beyond. */
export function smoothL1Loss(input: Tensor, target: Tensor, { beta = 1, reduction }: SmoothL1LossOptions = {}): Tensor {
  if (beta === 0) return reduceLoss(tf.abs(tf.sub(input, target)), reduction);
  const size = tf.abs(tf.sub(input, target));
  const parabola = tf.mul(tf.square(size), 0.5 / beta);
  return reduceLoss(tf.where(tf.less(size, beta), parabola, tf.sub(size, 0.5 * beta)), reduction);
}

/** `F.huber_loss`: the same, `delta` times as steep. */
export function huberLoss(input: Tensor, target: Tensor, { delta = 1, reduction }: HuberLossOptions = {}): Tensor {
  const size = tf.abs(tf.sub(input, target));
  const lines = tf.mul(tf.sub(size, 0.5 * delta), delta);
  return reduceLoss(tf.where(tf.lessEqual(size, delta), tf.mul(tf.square(size), 0.5), lines), reduction);
}

/** `F.poisson_nll_loss`: of counts, by their rate or its logarithm. */
export function poissonNLLLoss(input: Tensor, target: Tensor, options: PoissonNLLLossOptions = {}): Tensor {
  const { logInput = true, full = false, eps = 1e-8, reduction } = options;
  const loss = logInput
    ? tf.sub(tf.exp(input), tf.mul(target, input))
    : tf.sub(input, tf.mul(target, tf.log(tf.add(input, eps))));
  if (!full) return reduceLoss(loss, reduction);
  const counted = tf.maximum(target, 1);
  const stirling = tf.add(tf.sub(tf.mul(counted, tf.log(counted)), counted), tf.mul(tf.log(tf.mul(counted, 2 * Math.PI)), 0.5)); // prettier-ignore
  return reduceLoss(tf.add(loss, tf.where(tf.greater(target, 1), stirling, tf.zerosLike(stirling))), reduction);
}

/** `F.gaussian_nll_loss`: of values, by mean and variance; a variance below `eps` counts as `eps`. */
export function gaussianNLLLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  { full = false, eps = 1e-6, reduction }: GaussianNLLLossOptions = {},
): Tensor {
  const spread = variance.rank === input.rank - 1 ? tf.expandDims(variance, -1) : variance;
  const least = atLeast(spread, eps);
  const scaled = tf.div(tf.square(tf.sub(input, target)), least);
  const loss = tf.mul(tf.add(tf.log(least), scaled), 0.5);
  return reduceLoss(full ? tf.add(loss, 0.5 * Math.log(2 * Math.PI)) : loss, reduction);
}

/** Raised to a least value, with a gradient as if it had not been, as in torch. */
function atLeast(x: Tensor, least: number): Tensor {
  return tf.customGrad((value) => ({
    value: tf.maximum(value as Tensor, least),
    gradFunc: (dy: Tensor) => tf.clone(dy),
  }))(x);
}
