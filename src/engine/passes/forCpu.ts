import { numelOf } from "../../storage/hostTensor.js";
import type { Graph, Node, Value } from "../graph.js";
import { float, int, integerConstant, sameShape, scalarConstant } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { removeDeadCode } from "./deadCode.js";
import { rewrite } from "./rewrite.js";

/** The graph in the operators that ONNX Runtime's CPU provider runs fastest; the figures are in docs/engine.md. */
export function forCpu(graph: Graph): Graph {
  const normal = new Map<Value, { readonly centered: Value; readonly result: Value }>();
  const rewritten = rewrite(graph, (node, b) => {
    switch (node.op) {
      case "Reciprocal":
        return layerNormalization(node, b, normal);
      case "Mul":
        return normalized(node, normal);
      case "ScatterElements":
        return unpool(node, b);
      case "ReduceSum":
        return sumOfRows(node, b);
      default:
        return undefined;
    }
  });
  return removeDeadCode(rewritten);
}

/** What an operator of one result was given. */
function operandsOf(b: GraphBuilder, value: Value | null | undefined, op: string): readonly Value[] | undefined {
  const node = b.producer(value);
  return node?.op === op && node.domain === "" && node.outputs.length === 1
    ? node.inputs.filter((each) => each !== null)
    : undefined;
}

/** The mean along the last axis, kept: what it is of. */
function meanOf(b: GraphBuilder, value: Value | null | undefined): Value | undefined {
  const [source, axes] = operandsOf(b, value, "ReduceMean") ?? [];
  const keep = b.producer(value)?.attributes["keepdims"];
  if (source === undefined || (keep?.kind === "int" && keep.value === 0)) return undefined;
  return sameShape(integerConstant(axes) ?? [], [source.shape.length - 1]) ? source : undefined;
}

/**
 * 1 / √(mean((x - mean(x))²) + eps) along the last axis is a result of LayerNormalization, and the normalized x is
 * another: ten walks through memory become one.
 */
function layerNormalization(
  node: Node,
  b: GraphBuilder,
  normal: Map<Value, { readonly centered: Value; readonly result: Value }>,
): readonly Value[] | undefined {
  const [inverse] = node.outputs;
  const [root] = operandsOf(b, node.inputs[0], "Sqrt") ?? [];
  const sum = operandsOf(b, root, "Add") ?? [];
  const eps = sum.map(scalarConstant).find((value) => value !== undefined);
  const variance = sum.find((value) => scalarConstant(value) === undefined);
  const [centered, twice] = operandsOf(b, meanOf(b, variance), "Mul") ?? [];
  const [x, mean] = operandsOf(b, centered, "Sub") ?? [];
  if (inverse === undefined || centered !== twice || centered === undefined || eps === undefined) return undefined;
  if (x === undefined || meanOf(b, mean) !== x || !sameShape(x.shape, centered.shape)) return undefined;
  const columns = x.shape.at(-1) ?? 1;
  const ones: Value = { dtype: "float32", shape: [columns], constant: new Float32Array(columns).fill(1) };
  const [result, , scale] = b.emitMany("LayerNormalization", [x, ones], [x, inverse, inverse], {
    axis: int(-1),
    epsilon: float(eps),
  });
  if (result === undefined || scale === undefined) throw new Error("LayerNormalization gave too little");
  normal.set(scale, { centered, result });
  return [scale];
}

/** The centered x times that root is what LayerNormalization has given. */
function normalized(
  node: Node,
  normal: ReadonlyMap<Value, { readonly centered: Value; readonly result: Value }>,
): readonly Value[] | undefined {
  const [x, y] = node.inputs;
  for (const [centered, scale] of [
    [x, y],
    [y, x],
  ] as const) {
    const known = scale ? normal.get(scale) : undefined;
    if (known !== undefined && known.centered === centered) return [known.result];
  }
  return undefined;
}

/** Numbers put where a pooling has found the largest elements, each window for itself: MaxUnpool does just that. */
function unpool(node: Node, b: GraphBuilder): readonly Value[] | undefined {
  const [zeros, places, numbers] = node.inputs;
  const [result] = node.outputs;
  const [zero] = operandsOf(b, zeros, "Expand") ?? [];
  const [found] = operandsOf(b, places, "Reshape") ?? [];
  const pool = b.producer(found);
  const images = pool?.inputs[0];
  if (!numbers || !found || !images || result === undefined || scalarConstant(zero) !== 0) return undefined;
  if (pool.op !== "MaxPool" || pool.outputs[1] !== found || node.attributes["reduction"] !== undefined)
    return undefined;
  const { kernel_shape: kernel, strides, pads } = pool.attributes;
  if (kernel === undefined || strides === undefined || numelOf(images.shape) !== numelOf(result.shape))
    return undefined;
  const attributes = { kernel_shape: kernel, strides, ...(pads === undefined ? {} : { pads }) };
  const inputs = [b.reshape(numbers, found.shape), found, b.ints(images.shape)];
  return [
    b.reshape(b.emit("MaxUnpool", inputs, { dtype: numbers.dtype, shape: images.shape }, attributes), result.shape),
  ];
}

/** From this size on a product with ones sums rows faster than ReduceSum does. */
const MANY = 1 << 16;

function sumOfRows(node: Node, b: GraphBuilder): readonly Value[] | undefined {
  const [x, axes] = node.inputs;
  const [result] = node.outputs;
  const columns = x?.shape.at(-1) ?? 0;
  if (!x || x.dtype !== "float32" || result === undefined || numelOf(x.shape) < MANY) return undefined;
  const along = [...(integerConstant(axes) ?? [])].sort((a, c) => a - c);
  if (along.length !== x.shape.length - 1 || along.some((axis, i) => axis !== i) || columns < 4) return undefined;
  const rows = numelOf(x.shape) / columns;
  const ones: Value = { dtype: "float32", shape: [1, rows], constant: new Float32Array(rows).fill(1) };
  const sum = b.emit("MatMul", [ones, b.reshape(x, [rows, columns])], { dtype: "float32", shape: [1, columns] });
  return [b.reshape(sum, result.shape)];
}
