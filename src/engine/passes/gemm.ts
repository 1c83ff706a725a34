import type { Graph, Node, Value } from "../graph.js";
import { int, sameShape } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { rewrite } from "./rewrite.js";
import { permOf } from "./transposes.js";
import { countUses } from "./uses.js";

/** Matrix products take in what stands around them: a transposed operand is a flag, a bias is the third operand. */
export function fuseGemm(graph: Graph): Graph {
  const flagged = rewrite(graph, (node, b) => (node.op === "Gemm" ? absorbTransposes(node, b) : undefined));
  const uses = countUses(flagged);
  return rewrite(flagged, (node, b) => (node.op === "Add" ? absorbBias(node, b, uses) : undefined));
}

function flag(node: Node, name: string): number {
  const attribute = node.attributes[name];
  return attribute?.kind === "int" ? attribute.value : 0;
}

function absorbTransposes(node: Node, b: GraphBuilder): readonly Value[] | undefined {
  const [result] = node.outputs;
  const inputs = [...node.inputs];
  const attributes = { ...node.attributes };
  (["transA", "transB"] as const).forEach((name, i) => {
    const producer = b.producer(inputs[i]);
    const source = producer?.inputs[0];
    if (!source || !sameShape(permOf(producer) ?? [], [1, 0])) return;
    inputs[i] = source;
    attributes[name] = int(1 - flag(node, name));
  });
  if (result === undefined || inputs.every((value, i) => value === node.inputs[i])) return undefined;
  return [b.emit("Gemm", inputs, result, attributes)];
}

function absorbBias(node: Node, b: GraphBuilder, uses: ReadonlyMap<Value, number>): readonly Value[] | undefined {
  const [result] = node.outputs;
  const [x, y] = node.inputs;
  if (!x || !y || result?.dtype !== "float32") return undefined;
  for (const [product, bias] of [
    [x, y],
    [y, x],
  ] as const) {
    const gemm = b.producer(product);
    if (gemm?.op !== "Gemm" || gemm.inputs.length !== 2 || uses.get(product) !== 1) continue;
    // Gemm broadcasts its third operand to the product, never the other way.
    if (!sameShape(product.shape, result.shape) || bias.shape.length > 2) continue;
    b.origin = gemm.origin; // it is the product still, with a sum taken in
    return [b.emit("Gemm", [...gemm.inputs, bias], result, gemm.attributes)];
  }
  return undefined;
}
