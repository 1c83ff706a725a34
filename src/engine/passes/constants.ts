import { numelOf } from "../../storage/hostTensor.js";
import type { Graph, Node, Value } from "../graph.js";
import { sameShape, scalarConstant } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { constantOf } from "../graphBuilder.js";
import { rewrite } from "./rewrite.js";

/** What operators do with numbers; a float32 result is rounded after each, as the graph would. */
const FOLD: Readonly<Record<string, (x: number, y: number) => number>> = {
  Add: (x, y) => x + y,
  Sub: (x, y) => x - y,
  Mul: (x, y) => x * y,
  Div: (x, y) => x / y,
  Max: (x, y) => Math.max(x, y),
  Min: (x, y) => Math.min(x, y),
  Neg: (x) => -x,
  Abs: (x) => Math.abs(x),
  Sqrt: (x) => Math.sqrt(x),
  Reciprocal: (x) => 1 / x,
  Cast: (x) => x,
};

/** The number that every element of a value is: a constant of one element, expanded or not. */
export function uniformConstant(value: Value | null | undefined, b: GraphBuilder): number | undefined {
  if (value === null || value === undefined) return undefined;
  const own = scalarConstant(value);
  if (own !== undefined) return own;
  const node = b.producer(value);
  return node?.op === "Expand" || node?.op === "Reshape" ? uniformConstant(node.inputs[0], b) : undefined;
}

/** Compute what depends on constants alone where all elements are one number, and join factors: (x·a)·b is x·(a·b). */
export function foldConstants(graph: Graph): Graph {
  return rewrite(graph, (node, b) => {
    const [result] = node.outputs;
    if (result === undefined) return undefined;
    return foldUniform(node, result, b) ?? foldTranspose(node, result, b) ?? joinFactors(node, result, b);
  });
}

function foldUniform(node: Node, result: Value, b: GraphBuilder): readonly Value[] | undefined {
  const fold = FOLD[node.op];
  if (fold === undefined || (result.dtype === "bool" && node.op === "Cast")) return undefined;
  if (result.dtype === "float16" || result.dtype === "bfloat16") return undefined;
  const operands = node.inputs.map((value) => uniformConstant(value, b));
  const [x, y = 0] = operands;
  if (x === undefined || operands.includes(undefined)) return undefined;
  // Integers divide by cutting off, and so they are cast.
  const exact = fold(x, y);
  const number = result.dtype === "float32" ? exact : Math.trunc(exact);
  if (!Number.isFinite(number) && result.dtype !== "float32") return undefined;
  return [spread(b, { dtype: result.dtype, shape: [], constant: constantOf(result.dtype, [number]) }, result.shape)];
}

/** A transposed, reshaped or expanded constant of one number is the same number in another shape. */
function foldTranspose(node: Node, result: Value, b: GraphBuilder): readonly Value[] | undefined {
  const shapes = node.op === "Transpose" || (node.op === "Reshape" && b.producer(node.inputs[0])?.op === "Expand");
  const again = node.op === "Expand" && b.producer(node.inputs[0])?.op === "Expand";
  if (!shapes && !again) return undefined;
  const source = sourceOf(node.inputs[0], b);
  return source === undefined ? undefined : [spread(b, source, result.shape)];
}

function sourceOf(value: Value | null | undefined, b: GraphBuilder): Value | undefined {
  if (value === null || value === undefined) return undefined;
  if (value.constant !== null) {
    return numelOf(value.shape) === 1 ? { dtype: value.dtype, shape: [], constant: value.constant } : undefined;
  }
  const node = b.producer(value);
  return node?.op === "Expand" || node?.op === "Reshape" ? sourceOf(node.inputs[0], b) : undefined;
}

function spread(b: GraphBuilder, scalar: Value, shape: readonly number[]): Value {
  if (numelOf(shape) === 1) return { dtype: scalar.dtype, shape, constant: scalar.constant };
  return b.expand(scalar, shape);
}

/** The factor and the rest of x·c, where c is a constant. */
function splitFactor(node: Node | undefined, b: GraphBuilder): { factor: number; rest: Value } | undefined {
  if (node?.op !== "Mul") return undefined;
  const [x, y] = node.inputs;
  if (!x || !y) return undefined;
  const left = uniformConstant(x, b);
  const right = uniformConstant(y, b);
  if (right !== undefined) return { factor: right, rest: x };
  return left === undefined ? undefined : { factor: left, rest: y };
}

function joinFactors(node: Node, result: Value, b: GraphBuilder): readonly Value[] | undefined {
  if (result.dtype !== "float32") return undefined;
  const outer = splitFactor(node, b);
  if (outer === undefined) return undefined;
  const inner = splitFactor(b.producer(outer.rest), b);
  if (inner === undefined || !sameShape(inner.rest.shape, result.shape)) return undefined;
  const factor = Math.fround(outer.factor * inner.factor);
  // A product of factors that leaves the range of float32 would change the result.
  if (!Number.isFinite(factor) || (factor === 0 && outer.factor !== 0 && inner.factor !== 0)) return undefined;
  return [b.emit("Mul", [inner.rest, b.scalar(factor)], result)];
}
