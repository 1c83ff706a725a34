import { tf, type Tensor } from "../tensor/tf.js";
import type { Gradients } from "./gradientWindow.js";

/** Lightning's gradient_clip_val and gradient_clip_algorithm. */
export interface GradientClip {
  readonly value: number;
  readonly algorithm: "norm" | "value";
}

/** Within a step: gradients as clip_grad_norm_ and clip_grad_value_ leave them. */
export function clipGradients(gradients: Gradients, clip: GradientClip): Gradients {
  const { value, algorithm } = clip;
  switch (algorithm) {
    case "norm":
      return clipByNorm(gradients, value);
    case "value":
      return mapped(gradients, (grad) => clamp(grad, value));
    default:
      algorithm satisfies never;
      throw new TypeError("unreachable");
  }
}

/** All gradients are multiplied, also where they are short enough: by one then. */
function clipByNorm(gradients: Gradients, maxNorm: number): Gradients {
  if (gradients.size === 0) return gradients;
  const norms = [...gradients.values()].map((grad) => tf.sqrt(tf.sum(tf.square(grad))));
  const total = tf.sqrt(tf.sum(tf.square(tf.stack(norms))));
  const factor = tf.div(maxNorm, tf.add(total, 1e-6));
  // Not a minimum: a norm that is NaN must stay one.
  const atMostOne = tf.where(tf.greater(factor, 1), tf.onesLike(factor), factor);
  return mapped(gradients, (grad) => tf.mul(grad, atMostOne));
}

/** Not a clip: a gradient that is NaN must stay one. */
function clamp(grad: Tensor, limit: number): Tensor {
  const from = tf.where(tf.less(grad, -limit), tf.fill(grad.shape, -limit), grad);
  return tf.where(tf.greater(grad, limit), tf.fill(grad.shape, limit), from);
}

function mapped(gradients: Gradients, f: (grad: Tensor) => Tensor): Gradients {
  return new Map([...gradients].map(([parameter, grad]) => [parameter, f(grad)]));
}
