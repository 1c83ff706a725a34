import * as tf from "@tensorflow/tfjs-core";
import { defined, fromInputs, type Attributes } from "./derivative.js";

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

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

/** The same where the first axes of data and indices go together: every row of the batch has numbers of its own. */
function scatterBatches(dy: tf.Tensor, x: tf.Tensor, indices: tf.Tensor, axis: number, batchDims: number): tf.Tensor {
  const size = x.shape[axis] ?? 1;
  const batches = product(x.shape.slice(0, batchDims));
  const outer = product(x.shape.slice(batchDims, axis));
  const inner = product(x.shape.slice(axis + 1));
  const picks = product(indices.shape.slice(batchDims));
  const offsets = tf.reshape(tf.range(0, batches * outer, 1, "int32"), [batches, outer, 1]);
  const places = tf.add(tf.mul(offsets, tf.scalar(size, "int32")), tf.reshape(indices, [batches, 1, picks]));
  const rows = tf.unsortedSegmentSum(
    tf.reshape(dy, [batches * outer * picks, inner]),
    tf.reshape<tf.Rank.R1>(places, [batches * outer * picks]),
    batches * outer * size,
  );
  return tf.reshape(rows, x.shape);
}

function gatherGradient(dy: tf.Tensor, x: tf.Tensor, indices: tf.Tensor, attributes: Attributes): tf.Tensor {
  const axis = tf.util.parseAxisParam(Number(attributes["axis"] ?? 0), x.shape)[0] ?? 0;
  const batchDims = Number(attributes["batchDims"] ?? 0);
  return batchDims === 0
    ? scatterRows(dy, x, indices, axis)
    : scatterBatches(dy, x, indices, axis, batchDims < 0 ? batchDims + indices.rank : batchDims);
}

/** The largest elements give their gradient to the places where they were found. */
function topkGradient(dy: tf.Tensor, x: tf.Tensor, indices: tf.Tensor): tf.Tensor {
  const size = x.shape.at(-1) ?? 1;
  const rows = product(x.shape.slice(0, -1));
  const offsets = tf.mul(tf.range(0, rows, 1, "int32"), tf.scalar(size, "int32"));
  const places = tf.add(tf.reshape(indices, [rows, -1]), tf.reshape(offsets, [rows, 1]));
  const sums = tf.unsortedSegmentSum(tf.reshape(dy, [dy.size]), tf.reshape<tf.Rank.R1>(places, [dy.size]), rows * size);
  return tf.reshape(sums, x.shape);
}

const flat = (_dy: tf.Tensor, x: tf.Tensor | undefined): tf.Tensor => tf.zeros(defined(x).shape);

/** Derivatives of kernels that pick and put by index. */
export const INDEXING: readonly tf.GradConfig[] = [
  fromInputs(tf.OneHot, { indices: (dy, [indices]) => flat(dy, indices) }),
  fromInputs(tf.GatherV2, {
    x: (dy, [x, indices], attributes) => gatherGradient(dy, defined(x), defined(indices), attributes),
    indices: (dy, [, indices]) => flat(dy, indices),
  }),
  fromInputs(tf.GatherNd, {
    params: (dy, [params, indices]) => tf.scatterND(defined(indices), dy, defined(params).shape),
    indices: (dy, [, indices]) => flat(dy, indices),
  }),
  fromInputs(tf.ScatterNd, {
    indices: (dy, [indices]) => flat(dy, indices),
    updates: (dy, [indices]) => tf.gatherND(dy, defined(indices)),
  }),
  fromInputs(tf.TensorScatterUpdate, {
    tensor: (dy, [, indices, updates]) =>
      tf.tensorScatterUpdate(dy, defined(indices), tf.zeros(defined(updates).shape)),
    indices: (dy, [, indices]) => flat(dy, indices),
    updates: (dy, [, indices]) => tf.gatherND(dy, defined(indices)),
  }),
  fromInputs(tf.UnsortedSegmentSum, {
    x: (dy, [, segmentIds]) => {
      const ids = defined(segmentIds);
      // A negative number is that of no segment.
      const rows = tf.gather(dy, tf.maximum(ids, tf.scalar(0, "int32")));
      const counts = tf.cast(tf.greaterEqual(ids, tf.scalar(0, "int32")), "float32");
      return tf.mul(rows, tf.reshape(counts, [...ids.shape, ...rows.shape.slice(ids.rank).map(() => 1)]));
    },
    segmentIds: (dy, [, segmentIds]) => flat(dy, segmentIds),
  }),
  {
    kernelName: tf.TopK,
    inputsToSave: ["x"],
    outputsToSave: [false, true],
    gradFunc: (dy, [x, indices]) => ({
      x: () => topkGradient(Array.isArray(dy) ? defined(dy[0]) : dy, defined(x), defined(indices)),
    }),
  },
];
