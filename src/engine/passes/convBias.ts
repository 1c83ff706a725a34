import type { Graph, Node, Value } from "../graph.js";
import { sameShape } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { rewrite } from "./rewrite.js";
import { countUses } from "./uses.js";

/** A convolution takes in the bias of its channels that is added to it: one walk over its result less. */
export function fuseConvBias(graph: Graph): Graph {
  const uses = countUses(graph);
  return rewrite(graph, (node, b) => (node.op === "Add" ? absorbBias(node, b, uses) : undefined));
}

function absorbBias(node: Node, b: GraphBuilder, uses: ReadonlyMap<Value, number>): readonly Value[] | undefined {
  const [result] = node.outputs;
  const [x, y] = node.inputs;
  if (!x || !y || result?.dtype !== "float32") return undefined;
  for (const [image, bias] of [
    [x, y],
    [y, x],
  ] as const) {
    const conv = b.producer(image);
    const [channels = 0, ...rest] = bias.shape.slice(-3);
    if (conv?.op !== "Conv" || conv.inputs.length !== 2 || uses.get(image) !== 1) continue;
    if (!sameShape(image.shape, result.shape) || channels !== result.shape[1] || bias.shape.length < 3) continue;
    if (bias.shape.length > 4 || rest.some((size) => size !== 1) || (bias.shape.length === 4 && bias.shape[0] !== 1))
      continue;
    b.origin = conv.origin; // it is the convolution still, with a sum taken in
    return [b.emit("Conv", [...conv.inputs, b.reshape(bias, [channels])], result, conv.attributes)];
  }
  return undefined;
}
