import type { tf } from "../../tensor/tf.js";
import type { Value } from "../graph.js";
import { int } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { Lowering, LoweringTable } from "./lowering.js";
import { lowering } from "./lowering.js";
import { axesOf, concat, mul, pad, reduce, slice } from "./operators.js";

interface AxisAttrs {
  readonly axis: number | number[];
  readonly keepDims: boolean;
}

/** A sum or product: tfjs counts bool in int32. */
function total(op: string): Lowering {
  return lowering<"x", AxisAttrs>((b, { x }, { axis, keepDims }) => {
    const numbers = x.dtype === "bool" ? b.cast(x, "int32") : x;
    return reduce(b, op, numbers, axesOf(axis, x.shape.length), keepDims);
  });
}

function extreme(op: string): Lowering {
  return lowering<"x", { axis?: number | number[]; reductionIndices?: number | number[]; keepDims: boolean }>(
    (b, { x }, { axis, reductionIndices, keepDims }) =>
      reduce(b, op, x, axesOf(reductionIndices ?? axis, x.shape.length), keepDims),
  );
}

/** Whether any or all hold: the largest or the smallest of 0 and 1. */
function quantifier(op: string): Lowering {
  return lowering<"x", AxisAttrs>((b, { x }, { axis, keepDims }) =>
    b.cast(reduce(b, op, b.cast(x, "int32"), axesOf(axis, x.shape.length), keepDims), "bool"),
  );
}

function argument(op: string): Lowering {
  return lowering<"x", tf.ArgMaxAttrs>((b, { x }, { axis }) => {
    const [along = 0] = axesOf(axis, x.shape.length);
    const numbers = x.dtype === "bool" ? b.cast(x, "int32") : x;
    const shape = x.shape.filter((_, i) => i !== along);
    const attributes = { axis: int(along), keepdims: int(0) };
    return b.cast(b.emit(op, [numbers], { dtype: "int64", shape }, attributes), "int32");
  });
}

/** Elements along an axis in reverse. */
export function reverse(b: GraphBuilder, x: Value, axes: readonly number[]): Value {
  if (axes.length === 0) return x;
  const sizes = axes.map((axis) => x.shape[axis] ?? 1);
  const last = sizes.map((size) => size - 1);
  return slice(
    b,
    x,
    axes,
    last,
    sizes,
    axes.map(() => -1),
  );
}

/** Running products by doubling: ONNX has running sums only. */
function cumprod(b: GraphBuilder, x: Value, axis: number, exclusive: boolean): Value {
  const size = x.shape[axis] ?? 1;
  const shifted = (value: Value, by: number): Value => {
    if (by >= size) return b.expand(b.scalar(1, x.dtype), x.shape);
    const kept = slice(b, value, [axis], [0], [size - by]);
    const paddings = x.shape.map((_, i): [number, number] => (i === axis ? [by, 0] : [0, 0]));
    return pad(b, kept, paddings, 1);
  };
  let product = exclusive ? shifted(x, 1) : x;
  for (let by = 1; by < size; by *= 2) product = mul(b, product, shifted(product, by));
  return product;
}

/** Reductions and running totals. */
export const REDUCTION: LoweringTable = {
  Sum: total("ReduceSum"),
  Prod: total("ReduceProd"),
  Mean: lowering<"x", AxisAttrs>((b, { x }, { axis, keepDims }) =>
    reduce(b, "ReduceMean", b.cast(x, "float32"), axesOf(axis, x.shape.length), keepDims),
  ),
  Max: extreme("ReduceMax"),
  Min: extreme("ReduceMin"),
  Any: quantifier("ReduceMax"),
  All: quantifier("ReduceMin"),
  ArgMax: argument("ArgMax"),
  ArgMin: argument("ArgMin"),
  Cumsum: lowering<"x", tf.CumsumAttrs>((b, { x }, { axis, exclusive, reverse: backwards }) => {
    const [along = 0] = axesOf(axis, x.shape.length);
    const numbers = x.dtype === "bool" ? b.cast(x, "int32") : x;
    const position = { dtype: "int64", shape: [], constant: BigInt64Array.of(BigInt(along)) } as const;
    const attributes = { exclusive: int(exclusive ? 1 : 0), reverse: int(backwards ? 1 : 0) };
    return b.emit("CumSum", [numbers, position], numbers, attributes);
  }),
  Cumprod: lowering<"x", tf.CumprodAttrs>((b, { x }, { axis, exclusive, reverse: backwards }) => {
    const [along = 0] = axesOf(axis, x.shape.length);
    if (!backwards) return cumprod(b, x, along, exclusive);
    return reverse(b, cumprod(b, reverse(b, x, [along]), along, exclusive), [along]);
  }),
  Reverse: lowering<"x", tf.ReverseAttrs>((b, { x }, { dims }) => reverse(b, x, axesOf(dims, x.shape.length))),
  TopK: lowering<"x", tf.TopKAttrs>((b, { x }, { k, sorted }) => {
    const shape = [...x.shape.slice(0, -1), k];
    const specs = [
      { dtype: x.dtype, shape },
      { dtype: "int64", shape },
    ] as const;
    const attributes = { axis: int(-1), largest: int(1), sorted: int(sorted ? 1 : 0) };
    const [values, indices] = b.emitMany("TopK", [x, b.ints([k])], specs, attributes);
    if (values === undefined || indices === undefined) throw new Error("TopK gave nothing");
    return [values, b.cast(indices, "int32")];
  }),
};

/** Tensors joined along an axis that is new. */
export function stack(b: GraphBuilder, parts: readonly Value[], axis: number): Value {
  return concat(
    b,
    parts.map((part) => b.reshape(part, [...part.shape.slice(0, axis), 1, ...part.shape.slice(axis)])),
    axis,
  );
}
