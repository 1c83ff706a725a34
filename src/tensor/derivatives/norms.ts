import * as tf from "@tensorflow/tfjs-core";
import { defined, fromInputs, unbroadcast } from "./derivative.js";

/** 1/√(variance + ε) as tfjs' batch normalisation has it. */
function inverse(variance: tf.Tensor | undefined, epsilon: unknown): tf.Tensor {
  return tf.rsqrt(tf.add(defined(variance), Number(epsilon ?? 0.001)));
}

/** The derivative of `tf.batchNorm`, whose mean and variance are given: ltrain's own BatchNorm computes them itself. */
export const NORMS: readonly tf.GradConfig[] = [
  fromInputs(tf.FusedBatchNorm, {
    x: (dy, [, , variance, scale], { varianceEpsilon }) =>
      tf.mul(dy, tf.mul(scale ?? 1, inverse(variance, varianceEpsilon))),
    mean: (dy, [, mean, variance, scale], { varianceEpsilon }) => {
      const grad = tf.mul(dy, tf.mul(scale ?? 1, inverse(variance, varianceEpsilon)));
      return tf.neg(unbroadcast(grad, defined(mean).shape));
    },
    variance: (dy, [x, mean, variance, scale], { varianceEpsilon }) => {
      const factor = tf.mul(tf.pow(inverse(variance, varianceEpsilon), 3), -0.5);
      const grad = tf.mul(tf.mul(dy, scale ?? 1), tf.mul(tf.sub(defined(x), defined(mean)), factor));
      return unbroadcast(grad, defined(variance).shape);
    },
    scale: (dy, [x, mean, variance, scale], { varianceEpsilon }) => {
      const normal = tf.mul(tf.sub(defined(x), defined(mean)), inverse(variance, varianceEpsilon));
      return unbroadcast(tf.mul(dy, normal), defined(scale).shape);
    },
    offset: (dy, [, , , , offset]) => unbroadcast(dy, defined(offset).shape),
  }),
];
