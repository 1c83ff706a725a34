import * as tf from "@tensorflow/tfjs-core";
import { defined, fromInputs, fromOutput, type Attributes } from "./derivative.js";

/** The axes a reduction ran over; none given means all. */
function axesOf({ axis, reductionIndices }: Attributes, shape: readonly number[]): number[] {
  return tf.util.parseAxisParam((axis ?? reductionIndices ?? null) as number | number[], [...shape]);
}

/** Bring the gradient of a reduction back to rank, with 1 for the axes that are gone. */
function expand(dy: tf.Tensor, shape: readonly number[], axes: readonly number[]): tf.Tensor {
  return tf.reshape(
    dy,
    shape.map((size, axis) => (axes.includes(axis) ? 1 : size)),
  );
}

function spread(dy: tf.Tensor, x: tf.Tensor, attributes: Attributes): tf.Tensor {
  return tf.mul(tf.ones(x.shape), expand(dy, x.shape, axesOf(attributes, x.shape)));
}

/** The gradient of an extreme value goes to the elements that have it. */
function extreme(kernelName: string): tf.GradConfig {
  return {
    kernelName,
    inputsToSave: ["x"],
    outputsToSave: [true],
    gradFunc: (dy, saved, attributes) => ({
      x: () => {
        const x = defined(saved[0]);
        const axes = axesOf(attributes, x.shape);
        const chosen = tf.cast(tf.equal(x, expand(defined(saved[1]), x.shape, axes)), "float32");
        return tf.mul(expand(dy as tf.Tensor, x.shape, axes), chosen);
      },
    }),
  };
}

/** Derivatives of kernels that sum up along axes, or normalise along one. */
export const REDUCTIONS: readonly tf.GradConfig[] = [
  fromInputs(tf.Sum, { x: (dy, [x], attributes) => spread(dy, defined(x), attributes) }),
  fromInputs(tf.Mean, {
    x: (dy, inputs, attributes) => {
      const x = defined(inputs[0]);
      const count = axesOf(attributes, x.shape).reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);
      return spread(tf.div(dy, count), x, attributes);
    },
  }),
  extreme(tf.Max),
  extreme(tf.Min),
  fromInputs(tf.Cumsum, {
    x: (dy, _inputs, { axis, exclusive, reverse }) => tf.cumsum(dy, Number(axis), exclusive === true, reverse !== true),
  }),
  fromOutput(tf.Softmax, "logits", (dy, y, { dim }) => {
    const weighted = tf.mul(dy, y);
    return tf.sub(weighted, tf.mul(tf.sum(weighted, Number(dim), true), y));
  }),
];
