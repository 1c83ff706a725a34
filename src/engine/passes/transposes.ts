import type { Graph, Node, Value } from "../graph.js";
import { sameShape } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { isElementwise } from "./elementwise.js";
import { rewrite } from "./rewrite.js";

/**
 * Let transposes meet and cancel: two become one, the identity goes, one that moves only axes of size 1 is a reshape
 * (where shapes stay what they are), and one above an elementwise operator moves below it, towards the transpose that
 * takes it back.
 */
export function cancelTransposes(graph: Graph, { fixedShapes = true } = {}): Graph {
  return rewrite(graph, (node, b) => (node.op === "Transpose" ? join(node, b, fixedShapes) : sink(node, b)));
}

/** The permutation of a Transpose. */
export function permOf(node: Node | undefined): readonly number[] | undefined {
  const perm = node?.op === "Transpose" ? node.attributes["perm"] : undefined;
  return perm?.kind === "ints" ? perm.value : undefined;
}

function join(node: Node, b: GraphBuilder, fixedShapes: boolean): readonly Value[] | undefined {
  const perm = permOf(node);
  const [x] = node.inputs;
  const [result] = node.outputs;
  if (perm === undefined || !x || result === undefined) return undefined;
  if (perm.every((axis, i) => axis === i)) return [x];
  const producer = b.producer(x);
  const inner = permOf(producer);
  const source = producer?.inputs[0];
  if (inner !== undefined && source) {
    const both = perm.map((axis) => inner[axis] ?? 0);
    return [both.every((axis, i) => axis === i) ? source : b.transpose(source, both)];
  }
  if (!fixedShapes) return undefined;
  const moved = perm.filter((axis) => x.shape[axis] !== 1);
  if (moved.every((axis, i) => i === 0 || axis > (moved[i - 1] ?? 0))) return [b.reshape(x, result.shape)];
  return undefined;
}

/** f(transpose(x), transpose(y)) is transpose(f(x, y)); operands of one element come along as they are. */
function sink(node: Node, b: GraphBuilder): readonly Value[] | undefined {
  const [result] = node.outputs;
  if (result === undefined || !isElementwise(node.op)) return undefined;
  const full = node.inputs.filter((value) => value !== null && value.shape.length > 0);
  const [first] = full;
  const perm = permOf(b.producer(first));
  if (perm === undefined || !full.every((value) => value && sameShape(value.shape, result.shape))) return undefined;
  const sources = new Map<Value, Value>();
  for (const value of full) {
    const producer = b.producer(value);
    const source = producer?.inputs[0];
    if (!value || !source || !sameShape(permOf(producer) ?? [], perm)) return undefined;
    sources.set(value, source);
  }
  const inputs = node.inputs.map((value) => (value === null ? null : (sources.get(value) ?? value)));
  const [source] = sources.values();
  if (source === undefined) return undefined;
  const inner = b.emit(node.op, inputs, { dtype: result.dtype, shape: source.shape }, node.attributes, node.domain);
  return [b.transpose(inner, perm)];
}
