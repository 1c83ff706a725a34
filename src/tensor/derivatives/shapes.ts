import * as tf from "@tensorflow/tfjs-core";
import { defined, fromInputs, fromList, type Attributes } from "./derivative.js";

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

/** A slice along one axis as so many places, the first of which is `begin`, `step` apart. */
interface Places {
  readonly begin: number;
  readonly count: number;
  readonly step: number;
}

/** Put elements back at their places along an axis of `size`, with zeros between them. */
function unslice(dy: tf.Tensor, axis: number, size: number, { begin, count, step }: Places): tf.Tensor {
  if (count === size && step === 1) return dy;
  const before = dy.shape.slice(0, axis);
  const after = dy.shape.slice(axis + 1);
  const outer = before.reduce((product, n) => product * n, 1);
  const inner = after.reduce((product, n) => product * n, 1);
  const gap = Math.abs(step);
  const first = step < 0 ? begin + (count - 1) * step : begin;
  const forward = tf.reshape(step < 0 ? tf.reverse(dy, axis) : dy, [outer, count, 1, inner]);
  const apart = tf.reshape(tf.pad(forward, [[0, 0], [0, 0], [0, gap - 1], [0, 0]]), [outer, count * gap, inner]); // prettier-ignore
  const length = (count - 1) * gap + 1;
  const kept = tf.slice(apart, [0, 0, 0], [outer, length, inner]);
  const placed = tf.pad(kept, [[0, 0], [first, size - first - length], [0, 0]]); // prettier-ignore
  return tf.reshape(placed, [...before, size, ...after]);
}

function stridedSliceGradient(dy: tf.Tensor, x: tf.Tensor, attributes: Attributes): tf.Tensor {
  const given = attributes as unknown as tf.StridedSliceAttrs;
  const info = tf.slice_util.sliceInfo(
    x.shape,
    given.begin,
    given.end,
    given.strides,
    given.beginMask,
    given.endMask,
    given.ellipsisMask,
    given.newAxisMask,
    given.shrinkAxisMask,
  );
  const counts = tf.slice_util.computeOutShape(info.begin, info.end, info.strides);
  if (counts.includes(0)) return tf.zeros(x.shape);
  return x.shape.reduce(
    (grad: tf.Tensor, size, axis) => {
      const [begin = 0, count = size, step = 1] = [info.begin[axis], counts[axis], info.strides[axis]];
      return unslice(grad, axis, size, { begin, count, step });
    },
    tf.reshape(dy, counts),
  );
}

/** Mirrored elements give their gradient to the ones that they are copies of. */
function unmirror(dy: tf.Tensor, shape: readonly number[], { paddings, mode }: Attributes): tf.Tensor {
  const edge = mode === "symmetric" ? 0 : 1;
  const sides = paddings as readonly (readonly [number, number])[];
  return shape.reduce((grad: tf.Tensor, size, axis) => {
    const [before, after] = sides[axis] ?? [0, 0];
    const part = (begin: number, count: number): tf.Tensor =>
      tf.slice(
        grad,
        grad.shape.map((_, i) => (i === axis ? begin : 0)),
        grad.shape.map((length, i) => (i === axis ? count : length)),
      );
    const mirrored = (begin: number, count: number, to: number): tf.Tensor =>
      unslice(tf.reverse(part(begin, count), axis), axis, size, { begin: to, count, step: 1 });
    let sum = part(before, size);
    if (before > 0) sum = tf.add(sum, mirrored(0, before, edge));
    if (after > 0) sum = tf.add(sum, mirrored(before + size, after, size - edge - after));
    return sum;
  }, dy);
}

/** The gradient by a diagonal is the diagonal of the gradient. */
function diagonal(dy: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const size = shape.reduce((product, n) => product * n, 1);
  return tf.reshape(tf.sum(tf.mul(tf.reshape(dy, [size, size]), tf.eye(size)), 1), [...shape]);
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
  fromInputs(tf.StridedSlice, {
    x: (dy, [x], attributes) => stridedSliceGradient(dy, defined(x), attributes),
  }),
  fromInputs(tf.MirrorPad, { x: (dy, [x], attributes) => unmirror(dy, defined(x).shape, attributes) }),
  fromInputs(tf.Diag, { x: (dy, [x]) => diagonal(dy, defined(x).shape) }),
  fromInputs(tf.PadV2, {
    x: (dy, inputs, { paddings }) => {
      const starts = (paddings as readonly (readonly [number, number])[]).map(([before]) => before);
      return tf.slice(dy, starts, defined(inputs[0]).shape);
    },
  }),
  fromInputs(tf.Tile, { x: (dy, [x], { reps }) => untile(dy, defined(x).shape, numbers(reps)) }),
  fromInputs(tf.Reverse, { x: (dy, _inputs, { dims }) => tf.reverse(dy, numbers(dims)) }),
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
];
