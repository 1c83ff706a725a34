import type { tf } from "../../tensor/tf.js";
import type { ElementType, Value } from "../graph.js";
import { text } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { LoweringTable } from "./lowering.js";
import { lowering } from "./lowering.js";
import { add, axesOf, compare, expandDims, gather, iota, mul, reduce, where } from "./operators.js";
import { matMul } from "./matrix.js";

/**
 * Up to this many rows a sum by index is a product with a one-hot matrix, which runs as fast as matrix products do;
 * beyond, rows are added one by one.
 */
const MAX_ONE_HOT_ROWS = 512;

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** Which of `depth` each index is, along a new last axis. */
function oneHot(b: GraphBuilder, indices: Value, depth: number): Value {
  return compare(b, "Equal", expandDims(b, indices, indices.shape.length), iota(b, depth));
}

/** Rows of `updates` [n, width], float32, added into `rows` rows at `indices` [n]. */
function addRows(b: GraphBuilder, updates: Value, indices: Value, rows: number): Value {
  const [count = 0, width = 1] = updates.shape;
  if (rows <= MAX_ONE_HOT_ROWS && updates.dtype === "float32") {
    return matMul(b, b.cast(oneHot(b, indices, rows), "float32"), updates, true, false);
  }
  const zeros = b.expand(b.scalar(0, updates.dtype), [rows, width]);
  const positions = b.cast(b.expand(b.reshape(indices, [count, 1]), [count, width]), "int64");
  // ScatterElements adds in order, so that equal indices give the same bits every time.
  return b.emit("ScatterElements", [zeros, positions, updates], zeros, {
    axis: { kind: "int", value: 0 },
    reduction: text("add"),
  });
}

/** Rows at places of several axes: the places become numbers of a flat axis. */
function flatIndices(b: GraphBuilder, indices: Value, sizes: readonly number[]): Value {
  const strides = sizes.map((_, axis) => product(sizes.slice(axis + 1)));
  const count = product(indices.shape.slice(0, -1));
  const places = b.reshape(indices, [count, sizes.length]);
  const weighted = mul(b, places, b.constant("int32", [strides.length], Int32Array.from(strides)));
  return reduce(b, "ReduceSum", weighted, [1], false);
}

/** Gather along an axis, where the first `batchDims` axes of data and indices go together. */
function gatherBatched(b: GraphBuilder, x: Value, indices: Value, axis: number, batchDims: number): Value {
  if (batchDims === 0) return gather(b, x, indices, axis);
  const batch = x.shape.slice(0, batchDims);
  const outer = x.shape.slice(batchDims, axis);
  const inner = x.shape.slice(axis + 1);
  const rest = indices.shape.slice(batchDims);
  const [batches, outers, size, picks] = [product(batch), product(outer), x.shape[axis] ?? 1, product(rest)];
  const flat = b.reshape(x, [batches * outers * size, product(inner)]);
  const offsets = Int32Array.from({ length: batches * outers }, (_, i) => i * size);
  const base = b.constant("int32", [batches, outers, 1], offsets);
  const positions = add(b, b.reshape(indices, [batches, 1, picks]), base);
  const rows = gather(b, flat, b.reshape(positions, [batches * outers * picks]), 0);
  return b.reshape(rows, [...batch, ...outer, ...rest, ...inner]);
}

/** Picking, putting and counting by index. */
export const INDEXING: LoweringTable = {
  OneHot: lowering<"indices", tf.OneHotAttrs>((b, { indices }, { depth, onValue, offValue, dtype }) => {
    const hot = oneHot(b, indices, depth);
    const type = dtype as ElementType;
    if (onValue === 1 && offValue === 0) return b.cast(hot, type);
    return where(b, hot, b.scalar(onValue, type), b.scalar(offValue, type));
  }),
  GatherV2: lowering<"x" | "indices", tf.GatherV2Attrs>((b, { x, indices }, { axis, batchDims }) => {
    const [along = 0] = axesOf(axis, x.shape.length);
    return gatherBatched(b, x, indices, along, batchDims);
  }),
  GatherNd: lowering<"params" | "indices">((b, { params, indices }) => {
    const depth = indices.shape.at(-1) ?? 1;
    const slice = params.shape.slice(depth);
    const sizes = params.shape.slice(0, depth);
    const flat = b.reshape(params, [product(sizes), product(slice)]);
    const rows = gather(b, flat, flatIndices(b, indices, sizes), 0);
    return b.reshape(rows, [...indices.shape.slice(0, -1), ...slice]);
  }),
  UnsortedSegmentSum: lowering<"x" | "segmentIds", tf.UnsortedSegmentSumAttrs>(
    (b, { x, segmentIds }, { numSegments }) => {
      const slice = x.shape.slice(segmentIds.shape.length);
      const count = product(segmentIds.shape);
      const updates = b.reshape(x, [count, product(slice)]);
      const sums = addRows(b, updates, b.reshape(segmentIds, [count]), numSegments);
      return b.reshape(sums, [numSegments, ...slice]);
    },
  ),
  ScatterNd: lowering<"indices" | "updates", tf.ScatterNdAttrs>((b, { indices, updates }, { shape }) => {
    const depth = indices.shape.at(-1) ?? 1;
    const sizes = shape.slice(0, depth);
    const width = product(shape.slice(depth));
    const places = flatIndices(b, indices, sizes);
    const rows = b.reshape(updates, [places.shape[0] ?? 0, width]);
    return b.reshape(addRows(b, rows, places, product(sizes)), shape);
  }),
  TensorScatterUpdate: lowering<"tensor" | "indices" | "updates">((b, { tensor, indices, updates }) =>
    b.emit("ScatterND", [tensor, b.cast(indices, "int64"), updates], tensor),
  ),
  DenseBincount: lowering<"x" | "weights", tf.DenseBincountAttrs>((b, { x, weights }, { size, binaryOutput }) => {
    const hot = oneHot(b, x, size);
    const axis = x.shape.length - 1;
    if (binaryOutput === true) return b.cast(reduce(b, "ReduceMax", b.cast(hot, "int32"), [axis], false), "float32");
    const counted = b.cast(hot, "float32");
    const weighed =
      product(weights.shape) === 0 ? counted : mul(b, counted, expandDims(b, weights, weights.shape.length));
    return reduce(b, "ReduceSum", weighed, [axis], false);
  }),
  Diag: lowering<"x">((b, { x }) => {
    const size = product(x.shape);
    const eye = compare(b, "Equal", b.reshape(iota(b, size), [size, 1]), iota(b, size));
    const square = where(b, eye, b.reshape(x, [size]), b.scalar(0, x.dtype));
    return b.reshape(square, [...x.shape, ...x.shape]);
  }),
};
