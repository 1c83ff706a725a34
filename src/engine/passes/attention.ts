import type { Graph, Node, Value } from "../graph.js";
import { float, int, sameShape, scalarConstant } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { removeDeadCode } from "./deadCode.js";
import { removeIdentities } from "./identities.js";
import { rewrite } from "./rewrite.js";
import { permOf } from "./transposes.js";
import { countUses } from "./uses.js";

/** [N, length, heads, width] with the heads before the length, and the same with the width before it. */
const HEADS_FIRST = [0, 2, 1, 3];
const TURNED = [0, 2, 3, 1];

/**
 * Below this length ONNX Runtime's kernel is no faster under a causal mask than the operators that it stands for
 * (docs/engine.md has the figures).
 */
const MIN_CAUSAL_LENGTH = 128;

/**
 * softmax(q·kᵀ·scale [+ causal mask])·v as ONNX Runtime's one kernel, where nothing else needs the weights: a backward
 * pass does, and so do dropout and other masks, and such attention is left as it is.
 */
export function fuseAttention(graph: Graph): Graph {
  const uses = countUses(graph);
  const fused = rewrite(graph, (node, b) => attention(node, b, uses));
  return fused.nodes.some(({ op }) => op === "MultiHeadAttention") ? removeDeadCode(removeIdentities(fused)) : graph;
}

/** The transposition that ends an attention of several heads, and all before it. */
function attention(node: Node, b: GraphBuilder, uses: ReadonlyMap<Value, number>): readonly Value[] | undefined {
  const [result] = node.outputs;
  /** The node that gives a value to nobody else. */
  const before = (value: Value | null | undefined, op: string): Node | undefined => {
    const producer = b.producer(value);
    return value && producer?.op === op && uses.get(value) === 1 ? producer : undefined;
  };
  if (result === undefined || !sameShape(permOf(node) ?? [], HEADS_FIRST)) return undefined;
  const product = before(node.inputs[0], "MatMul");
  const softmax = before(product?.inputs[0], "Softmax");
  const masked = before(softmax?.inputs[0], "Add");
  const scores = masked === undefined ? before(softmax?.inputs[0], "MatMul") : before(masked.inputs[0], "MatMul");
  const [q, scale] = scaled(turnedBack(scores?.inputs[0], HEADS_FIRST, b), b);
  const k = turnedBack(scores?.inputs[1], TURNED, b);
  const v = turnedBack(product?.inputs[1], HEADS_FIRST, b);
  if (!q || !k || !v || softmax === undefined || !isLastAxis(softmax) || q.dtype !== "float32") return undefined;
  if (masked !== undefined && !isCausal(masked.inputs[1])) return undefined;
  const [batch = 0, length = 0, heads = 0, width = 0] = q.shape;
  if (masked !== undefined && length < MIN_CAUSAL_LENGTH) return undefined;
  if (!sameShape(k.shape, v.shape) || k.shape[0] !== batch || k.shape[2] !== heads || k.shape[3] !== width) {
    return undefined;
  }
  const rows = (x: Value): Value => b.reshape(x, [batch, x.shape[1] ?? 0, heads * width]);
  const attributes = {
    num_heads: int(heads),
    scale: float(scale),
    mask_filter_value: float(-Infinity),
    ...(masked === undefined ? {} : { unidirectional: int(1) }),
  };
  const spec = { dtype: q.dtype, shape: [batch, length, heads * width] };
  const made = b.emit("MultiHeadAttention", [rows(q), rows(k), rows(v)], spec, attributes, "com.microsoft");
  return [b.reshape(made, result.shape)];
}

/** What a value was before its axes were put in this order. */
function turnedBack(value: Value | null | undefined, perm: readonly number[], b: GraphBuilder): Value | undefined {
  const producer = b.producer(value);
  if (!sameShape(permOf(producer) ?? [], perm)) return undefined;
  return producer?.inputs[0] ?? undefined;
}

/** A value and the number that it is multiplied by. */
function scaled(value: Value | undefined, b: GraphBuilder): readonly [Value | undefined, number] {
  const producer = b.producer(value);
  const factor = producer?.op === "Mul" ? scalarConstant(producer.inputs[1]) : undefined;
  const source = producer?.inputs[0];
  return factor === undefined || !source ? [value, 1] : [source, factor];
}

function isLastAxis({ attributes, inputs: [x] }: Node): boolean {
  const axis = attributes["axis"];
  return axis?.kind === "int" && (axis.value === -1 || axis.value === (x?.shape.length ?? 0) - 1);
}

/** Whether a constant hides from each place of a square what comes after it, and nothing else. */
function isCausal(mask: Value | null | undefined): boolean {
  const [rows = 0, columns = 0] = mask?.shape ?? [];
  if (!mask?.constant || mask.shape.length !== 2 || rows !== columns) return false;
  return mask.constant.every((value: number | bigint, i: number) =>
    Object.is(value, i % columns > Math.floor(i / columns) ? -Infinity : 0),
  );
}
