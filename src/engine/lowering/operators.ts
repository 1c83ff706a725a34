import type { Attributes, ElementType, Value } from "../graph.js";
import { int, sameShape } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";

/** The size of an axis; an axis that is not there has size 1, as broadcasting has it. */
export function sizeOf(shape: readonly number[], axis: number): number {
  return shape.at(axis) ?? 1;
}

/** The shape that two shapes broadcast to. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - (rank - a.length)] ?? 1;
    const right = b[axis - (rank - b.length)] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new Error(`shapes [${a.join(", ")}] and [${b.join(", ")}] do not broadcast`);
    }
    return left === 1 ? right : left;
  });
}

/** Axes as tfjs takes them (one, several, negative, none for all) as a sorted list of axes from the front. */
export function axesOf(axis: number | readonly number[] | null | undefined, rank: number): number[] {
  const given = axis ?? Array.from({ length: rank }, (_, i) => i);
  const list = typeof given === "number" ? [given] : given;
  return list.map((each) => (each < 0 ? each + rank : each)).sort((x, y) => x - y);
}

/** 0 … n-1. */
export function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

/** An operator that keeps shape and dtype. */
export function unary(b: GraphBuilder, op: string, x: Value, attributes: Attributes = {}): Value {
  return b.emit(op, [x], x, attributes);
}

/** An operator over two tensors that broadcast; the dtype is the first one's where none is given. */
export function binary(b: GraphBuilder, op: string, x: Value, y: Value, dtype: ElementType = x.dtype): Value {
  return b.emit(op, [x, y], { dtype, shape: broadcastShape(x.shape, y.shape) });
}

/** x + y. */
export const add = (b: GraphBuilder, x: Value, y: Value): Value => binary(b, "Add", x, y);
/** x - y. */
export const sub = (b: GraphBuilder, x: Value, y: Value): Value => binary(b, "Sub", x, y);
/** x × y. */
export const mul = (b: GraphBuilder, x: Value, y: Value): Value => binary(b, "Mul", x, y);
/** x / y; for integers it truncates. */
export const div = (b: GraphBuilder, x: Value, y: Value): Value => binary(b, "Div", x, y);
/** A comparison. */
export const compare = (b: GraphBuilder, op: string, x: Value, y: Value): Value => binary(b, op, x, y, "bool");
/** not x. */
export const not = (b: GraphBuilder, x: Value): Value => unary(b, "Not", x);

/** Elements of `x` where the condition holds, of `y` elsewhere. */
export function where(b: GraphBuilder, condition: Value, x: Value, y: Value): Value {
  if (x.dtype === "bool") {
    // ONNX Runtime has no Where of truths.
    const kept = binary(b, "And", condition, x);
    return binary(b, "Or", kept, binary(b, "And", not(b, condition), y));
  }
  const shape = broadcastShape(condition.shape, broadcastShape(x.shape, y.shape));
  return b.emit("Where", [condition, x, y], { dtype: x.dtype, shape });
}

/** A reduction over axes; over none it changes nothing. */
export function reduce(b: GraphBuilder, op: string, x: Value, axes: readonly number[], keepDims: boolean): Value {
  if (axes.length === 0) return x;
  const shape = x.shape.flatMap((size, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [size]));
  return b.emit(op, [x, b.ints(axes)], { dtype: x.dtype, shape }, { keepdims: int(keepDims ? 1 : 0) });
}

/** Elements `begin`, `begin + step` … before `begin + size·step` along each axis given. */
export function slice(
  b: GraphBuilder,
  x: Value,
  axes: readonly number[],
  begin: readonly number[],
  size: readonly number[],
  step: readonly number[] = axes.map(() => 1),
): Value {
  const shape = x.shape.map((full, axis) => {
    const i = axes.indexOf(axis);
    return i < 0 ? full : (size[i] ?? full);
  });
  if (sameShape(shape, x.shape) && step.every((each) => each === 1)) return x;
  const ends = begin.map((start, i) => {
    const stride = step[i] ?? 1;
    const last = start + ((size[i] ?? 0) - 1) * stride;
    // Going backwards past the first element has to be said with a number below every index.
    if (stride < 0) return last === 0 ? Number.MIN_SAFE_INTEGER : last - 1;
    return last + 1;
  });
  const inputs = [x, b.ints(begin), b.ints(ends), b.ints(axes), b.ints(step)];
  return b.emit("Slice", inputs, { dtype: x.dtype, shape });
}

/** Tensors one after the other along an axis. */
export function concat(b: GraphBuilder, parts: readonly Value[], axis: number): Value {
  const [first] = parts;
  if (first === undefined) throw new Error("concat of nothing");
  if (parts.length === 1) return first;
  for (const { shape } of parts) {
    if (shape.length === first.shape.length && shape.every((size, i) => i === axis || size === first.shape[i]))
      continue;
    const shapes = parts.map((part) => `[${part.shape.join(", ")}]`).join(" and ");
    throw new Error(`concat of ${shapes} along axis ${axis}: another axis differs`);
  }
  const total = parts.reduce((sum, part) => sum + sizeOf(part.shape, axis), 0);
  const shape = first.shape.map((size, i) => (i === axis ? total : size));
  return b.emit("Concat", parts, { dtype: first.dtype, shape }, { axis: int(axis) });
}

/** Constant elements around a tensor. */
export function pad(
  b: GraphBuilder,
  x: Value,
  paddings: readonly (readonly [number, number])[],
  constant: number,
): Value {
  if (paddings.every(([before, after]) => before === 0 && after === 0)) return x;
  const shape = x.shape.map((size, axis) => size + (paddings[axis]?.[0] ?? 0) + (paddings[axis]?.[1] ?? 0));
  const pads = b.ints([...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)]);
  return b.emit("Pad", [x, pads, b.scalar(constant, x.dtype)], { dtype: x.dtype, shape });
}

/** Entries of `x` along an axis, at indices of any shape. */
export function gather(b: GraphBuilder, x: Value, indices: Value, axis: number): Value {
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return b.emit("Gather", [x, indices], { dtype: x.dtype, shape }, { axis: int(axis) });
}

/** An axis of size 1 more. */
export function expandDims(b: GraphBuilder, x: Value, axis: number): Value {
  return b.reshape(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]);
}

/** A constant 0 … n-1 of int32. */
export function iota(b: GraphBuilder, n: number): Value {
  return b.constant("int32", [n], Int32Array.from(range(n)));
}
