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

/** The gradient of an extreme value goes to the elements that have it, in equal shares, as in torch's amax. */
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
        return tf.mul(tf.div(expand(dy as tf.Tensor, x.shape, axes), tf.sum(chosen, axes, true)), chosen);
      },
    }),
  };
}

/** The product of all others along an axis: nothing is divided, so zeros among the factors are no matter. */
function productOfOthers(x: tf.Tensor, axis: number): tf.Tensor {
  return tf.mul(tf.cumprod(x, axis, true), tf.cumprod(x, axis, true, true));
}

function prodGradient(dy: tf.Tensor, x: tf.Tensor, attributes: Attributes): tf.Tensor {
  const axes = axesOf(attributes, x.shape);
  const others = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const order = [...others, ...axes];
  const turned = tf.transpose(x, order);
  const rows = tf.reshape(turned, [...others.map((axis) => x.shape[axis] ?? 1), -1]);
  const slope = tf.reshape(productOfOthers(rows, others.length), turned.shape);
  const back = order.map((_, i) => order.indexOf(i));
  return tf.mul(expand(dy, x.shape, axes), tf.transpose(slope, back));
}

/** Elements moved `by` places along an axis, towards its end or, if negative, its beginning; `fill` comes after them. */
function shift(x: tf.Tensor, axis: number, by: number, fill: number): tf.Tensor {
  const size = x.shape[axis] ?? 1;
  const places = Math.min(Math.abs(by), size);
  const begin = x.shape.map((_, i) => (i === axis && by < 0 ? places : 0));
  const kept = tf.slice(
    x,
    begin,
    x.shape.map((length, i) => (i === axis ? size - places : length)),
  );
  const sides = x.shape.map((_, i): [number, number] => (i !== axis ? [0, 0] : by < 0 ? [0, places] : [places, 0]));
  return tf.pad(kept, sides, fill);
}

/**
 * The derivative of running products, y_i = x_0 … x_i: of x_k it is x_0 … x_(k-1) times R_k, where R_k = dy_k +
 * x_(k+1)·R_(k+1). The recurrence is run by doubling; nothing is divided, so zeros are no matter.
 */
function cumprodGradient(dy: tf.Tensor, x: tf.Tensor, axis: number): tf.Tensor {
  const size = x.shape[axis] ?? 1;
  let rest = dy;
  let factor = shift(x, axis, -1, 0);
  for (let by = 1; by < size; by *= 2) {
    rest = tf.add(rest, tf.mul(factor, shift(rest, axis, -by, 0)));
    factor = tf.mul(factor, shift(factor, axis, -by, 0));
  }
  return tf.mul(tf.cumprod(x, axis, true), rest);
}

/** The same with the element itself left out of its product, or from the end to the beginning. */
function anyCumprodGradient(dy: tf.Tensor, x: tf.Tensor, { axis, exclusive, reverse }: Attributes): tf.Tensor {
  const [along = 0] = tf.util.parseAxisParam(Number(axis), x.shape);
  const turn = (t: tf.Tensor): tf.Tensor => (reverse === true ? tf.reverse(t, along) : t);
  const factors = turn(x);
  if (exclusive !== true) return turn(cumprodGradient(turn(dy), factors, along));
  return turn(shift(cumprodGradient(turn(dy), shift(factors, along, 1, 1), along), along, -1, 0));
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
  fromInputs(tf.Prod, { x: (dy, [x], attributes) => prodGradient(dy, defined(x), attributes) }),
  fromInputs(tf.Cumprod, { x: (dy, [x], attributes) => anyCumprodGradient(dy, defined(x), attributes) }),
  fromOutput(tf.Softmax, "logits", (dy, y, { dim }) => {
    const weighted = tf.mul(dy, y);
    return tf.sub(weighted, tf.mul(tf.sum(weighted, Number(dim), true), y));
  }),
];
