import * as tf from "@tensorflow/tfjs-core";
import { defined, fromInputs, fromList } from "./derivative.js";

const numbers = (value: unknown): number[] => (Array.isArray(value) ? value.map(Number) : [Number(value)]);

/** Sum a tiled tensor's gradient over its copies: every axis becomes (copies, size), and the copies are summed. */
function untile(dy: tf.Tensor, shape: readonly number[], copies: readonly number[]): tf.Tensor {
  let grad = dy;
  shape.forEach((size, axis) => {
    const count = copies[axis] ?? 1;
    if (count === 1) return;
    const before = grad.shape.slice(0, axis);
    const after = grad.shape.slice(axis + 1);
    const outer = before.reduce((product, n) => product * n, 1);
    const inner = after.reduce((product, n) => product * n, 1);
    const summed = tf.sum(tf.reshape(grad, [outer, count, size * inner]), 1);
    grad = tf.reshape(summed, [...before, size, ...after]);
  });
  return grad;
}

/** Rows that were gathered more than once get the sum of their gradients. */
function scatterRows(dy: tf.Tensor, x: tf.Tensor, indices: tf.Tensor, axis: number): tf.Tensor {
  const outer = x.shape.slice(0, axis);
  const inner = x.shape.slice(axis + 1);
  const values = tf.reshape(dy, [...outer, indices.size, ...inner]);
  const axes = values.shape.map((_, i) => i);
  const toFront = [axis, ...axes.filter((i) => i !== axis)];
  const rows = tf.unsortedSegmentSum(
    tf.transpose(values, toFront),
    tf.reshape<tf.Rank.R1>(indices, [indices.size]),
    x.shape[axis] ?? 0,
  );
  return tf.transpose(
    rows,
    axes.map((i) => toFront.indexOf(i)),
  );
}

/** Derivatives of kernels that move elements without changing them. */
export const SHAPES: readonly tf.GradConfig[] = [
  fromInputs(tf.Reshape, { x: (dy, [x]) => tf.reshape(dy, defined(x).shape) }),
  fromInputs(tf.ExpandDims, { input: (dy, [input]) => tf.reshape(dy, defined(input).shape) }),
  fromInputs(tf.Transpose, {
    x: (dy, _inputs, { perm }) => {
      const order = numbers(perm);
      return tf.transpose(
        dy,
        order.map((_, i) => order.indexOf(i)),
      );
    },
  }),
  fromInputs(tf.Slice, {
    x: (dy, inputs, { begin, size }) => {
      const x = defined(inputs[0]);
      const starts = numbers(begin);
      const sizes = numbers(size);
      const padding = x.shape.map((length, axis): [number, number] => {
        const start = starts[axis] ?? 0;
        const kept = sizes[axis] ?? -1;
        return [start, kept < 0 ? 0 : length - start - kept]; // -1 takes all that is left
      });
      return tf.pad(dy, padding);
    },
  }),
  fromInputs(tf.PadV2, {
    x: (dy, inputs, { paddings }) => {
      const starts = (paddings as readonly (readonly [number, number])[]).map(([before]) => before);
      return tf.slice(dy, starts, defined(inputs[0]).shape);
    },
  }),
  fromInputs(tf.Tile, { x: (dy, [x], { reps }) => untile(dy, defined(x).shape, numbers(reps)) }),
  fromInputs(tf.Reverse, { x: (dy, _inputs, { dims }) => tf.reverse(dy, numbers(dims)) }),
  fromInputs(tf.GatherV2, {
    x: (dy, inputs, { axis, batchDims }) => {
      if (Number(batchDims ?? 0) !== 0) throw new Error("the derivative of a gather with batchDims is not known");
      const x = defined(inputs[0]);
      return scatterRows(dy, x, defined(inputs[1]), tf.util.parseAxisParam(Number(axis ?? 0), x.shape)[0] ?? 0);
    },
    indices: (_dy, [, indices]) => tf.zeros(defined(indices).shape),
  }),
  fromList(tf.Concat, (dy, inputs, { axis }) => {
    const along = tf.util.parseAxisParam(Number(axis), dy.shape)[0] ?? 0;
    return tf.split(
      dy,
      inputs.map(({ shape }) => shape[along] ?? 0),
      along,
    );
  }),
  fromList(tf.Pack, (dy, _inputs, { axis }) => tf.unstack(dy, Number(axis))),
  {
    kernelName: tf.Unpack,
    gradFunc: (dy, _saved, attributes) => ({
      value: () => tf.stack(Array.isArray(dy) ? dy : [dy], Number(attributes["axis"])),
    }),
  },
  {
    kernelName: tf.SplitV,
    gradFunc: (dy, _saved, attributes) => ({
      x: () => tf.concat(Array.isArray(dy) ? dy : [dy], Number(attributes["axis"])),
    }),
  },
  fromInputs(tf.OneHot, { indices: (_dy, [indices]) => tf.zeros(defined(indices).shape) }),
];
