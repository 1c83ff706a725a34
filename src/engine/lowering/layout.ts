import { tf } from "../../tensor/tf.js";
import type { ElementType, Value } from "../graph.js";
import { int, sameShape } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { constantOf } from "../graphBuilder.js";
import type { LoweringTable } from "./lowering.js";
import { listLowering, lowering } from "./lowering.js";
import { axesOf, concat, expandDims, gather, pad, range, slice } from "./operators.js";
import { stack } from "./reduction.js";

/** Copies along each axis; along axes of size 1 it is a broadcast, which most operators do by themselves. */
function tile(b: GraphBuilder, x: Value, reps: readonly number[]): Value {
  const shape = x.shape.map((size, axis) => size * (reps[axis] ?? 1));
  if (sameShape(shape, x.shape)) return x;
  if (x.shape.every((size, axis) => size === 1 || reps[axis] === 1)) return b.expand(x, shape);
  return b.emit("Tile", [x, b.ints(reps)], { dtype: x.dtype, shape });
}

function transpose(b: GraphBuilder, x: Value, perm: readonly number[]): Value {
  return perm.every((axis, i) => axis === i) ? x : b.transpose(x, perm);
}

/** The sizes of so many equal parts; of parts that are given, the one of -1 is the rest. */
function splitSizes(full: number, parts: number | readonly number[]): readonly number[] {
  if (typeof parts === "number") return new Array<number>(parts).fill(full / parts);
  const rest = full - parts.reduce((sum, size) => sum + Math.max(size, 0), 0);
  return parts.map((size) => (size < 0 ? rest : size));
}

/** The parts of an axis one after the other. */
function split(b: GraphBuilder, x: Value, axis: number, sizes: readonly number[]): Value[] {
  if (sizes.length === 1) return [x];
  const specs = sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.map((all, i) => (i === axis ? size : all)) }));
  return b.emitMany("Split", [x, b.ints(sizes)], specs, { axis: int(axis) });
}

function mirrorPad(b: GraphBuilder, x: Value, paddings: readonly (readonly [number, number])[], edge: boolean): Value {
  return paddings.reduce((padded, [before, after], axis) => {
    if (before === 0 && after === 0) return padded;
    const size = x.shape[axis] ?? 1;
    const offset = edge ? 1 : 0;
    const indices = range(before + size + after).map((i) => {
      const at = i - before;
      if (at < 0) return -at - offset;
      return at < size ? at : (size - 1) * 2 - at + offset;
    });
    return gather(b, padded, b.ints(indices), axis);
  }, x);
}

function stridedSlice(b: GraphBuilder, x: Value, attributes: tf.StridedSliceAttrs): Value {
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes;
  const info = tf.slice_util.sliceInfo(
    [...x.shape],
    begin,
    end,
    strides,
    beginMask,
    endMask,
    ellipsisMask,
    newAxisMask,
    shrinkAxisMask,
  );
  const axes = range(x.shape.length);
  const sizes = tf.slice_util.computeOutShape(info.begin, info.end, info.strides);
  if (sizes.includes(0)) return fill(b, 0, info.finalShape, x.dtype);
  const sliced = slice(b, x, axes, info.begin, sizes, info.strides);
  return sameShape(sliced.shape, info.finalShape) ? sliced : b.reshape(sliced, info.finalShape);
}

/** A tensor of one number. */
function fill(b: GraphBuilder, value: number, shape: readonly number[], dtype: ElementType): Value {
  const scalar = b.scalar(value, dtype);
  return shape.length === 0 ? scalar : b.expand(scalar, shape);
}

function sequence(b: GraphBuilder, values: readonly number[], dtype: ElementType): Value {
  return b.constant(dtype, [values.length], constantOf(dtype, values));
}

/** Shapes, copies and constants: kernels that compute nothing. */
export const LAYOUT: LoweringTable = {
  Identity: lowering<"x">((_, { x }) => x),
  Reshape: lowering<"x", tf.ReshapeAttrs>((b, { x }, { shape }) => {
    const wanted = tf.util.inferFromImplicitShape(shape, tf.util.sizeFromShape([...x.shape]));
    return sameShape(wanted, x.shape) ? x : b.reshape(x, wanted);
  }),
  ExpandDims: lowering<"input", tf.ExpandDimsAttrs>((b, { input }, { dim }) =>
    expandDims(b, input, dim < 0 ? input.shape.length + dim + 1 : dim),
  ),
  Transpose: lowering<"x", tf.TransposeAttrs>((b, { x }, { perm }) => transpose(b, x, perm)),
  Tile: lowering<"x", tf.TileAttrs>((b, { x }, { reps }) => tile(b, x, reps)),
  Concat: listLowering<tf.ConcatAttrs>((b, parts, { axis }) => {
    const [along = 0] = axesOf(axis, parts[0]?.shape.length ?? 1);
    // tfjs lets empty parts take part.
    const full = parts.filter((part) => !part.shape.includes(0));
    return concat(b, full.length === 0 ? parts.slice(0, 1) : full, along);
  }),
  Pack: listLowering<tf.PackAttrs>((b, parts, { axis }) => {
    const rank = (parts[0]?.shape.length ?? 0) + 1;
    return stack(b, parts, axis < 0 ? axis + rank : axis);
  }),
  Unpack: lowering<"value", tf.UnpackAttrs>((b, { value }, { axis }) => {
    const [along = 0] = axesOf(axis, value.shape.length);
    const shape = value.shape.filter((_, i) => i !== along);
    const ones = new Array<number>(value.shape[along] ?? 0).fill(1);
    return split(b, value, along, ones).map((part) => b.reshape(part, shape));
  }),
  SplitV: lowering<"x", tf.SplitVAttrs>((b, { x }, { numOrSizeSplits, axis }) => {
    const [along = 0] = axesOf(axis, x.shape.length);
    return split(b, x, along, splitSizes(x.shape[along] ?? 1, numOrSizeSplits));
  }),
  Slice: lowering<"x", tf.SliceAttrs>((b, { x }, { begin, size }) => {
    const starts = x.shape.map((_, axis) =>
      typeof begin === "number" ? (axis === 0 ? begin : 0) : (begin[axis] ?? 0),
    );
    const sizes = x.shape.map((full, axis) => {
      const given = typeof size === "number" ? (axis === 0 ? size : -1) : (size[axis] ?? -1);
      return given < 0 ? full - (starts[axis] ?? 0) : given;
    });
    return slice(b, x, range(x.shape.length), starts, sizes);
  }),
  StridedSlice: lowering<"x", tf.StridedSliceAttrs>((b, { x }, attributes) => stridedSlice(b, x, attributes)),
  PadV2: lowering<"x", tf.PadV2Attrs>((b, { x }, { paddings, constantValue }) => pad(b, x, paddings, constantValue)),
  MirrorPad: lowering<"x", tf.MirrorPadAttrs>((b, { x }, { paddings, mode }) =>
    mirrorPad(b, x, paddings, mode === "symmetric"),
  ),
  ZerosLike: lowering<"x">((b, { x }) => fill(b, 0, x.shape, x.dtype)),
  OnesLike: lowering<"x">((b, { x }) => fill(b, 1, x.shape, x.dtype)),
  Fill: lowering<never, tf.FillAttrs>((b, _, { shape, value, dtype }) =>
    fill(b, Number(value), shape, dtype as ElementType),
  ),
  Range: lowering<never, tf.RangeAttrs>((b, _, { start, stop, step, dtype }) => {
    const count = Math.max(0, Math.ceil((stop - start) / step));
    return sequence(
      b,
      range(count).map((i) => start + i * step),
      dtype,
    );
  }),
  LinSpace: lowering<never, tf.LinSpaceAttrs>((b, _, { start, stop, num }) =>
    sequence(
      b,
      range(num).map((i) => start + (num === 1 ? 0 : ((stop - start) / (num - 1)) * i)),
      "float32",
    ),
  ),
};
