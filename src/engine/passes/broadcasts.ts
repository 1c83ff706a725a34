import type { Graph, Value } from "../graph.js";
import { sameShape } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { broadcastShape } from "../lowering/operators.js";
import { isElementwise } from "./elementwise.js";
import { rewrite } from "./rewrite.js";

/** Let operators broadcast by themselves: an Expand before one goes where the result keeps its shape without it. */
export function sinkBroadcasts(graph: Graph): Graph {
  return rewrite(graph, (node, b) => {
    const [result] = node.outputs;
    if (result === undefined || !isElementwise(node.op) || node.inputs.length < 2) return undefined;
    let inputs = node.inputs;
    node.inputs.forEach((value, i) => {
      const small = value === null ? undefined : beforeExpand(value, b);
      if (small === undefined) return;
      const tried = inputs.map((each, at) => (at === i ? small : each));
      const shape = tried.reduce<readonly number[]>((sum, each) => broadcastShape(sum, each?.shape ?? []), []);
      if (sameShape(shape, result.shape)) inputs = tried;
    });
    if (inputs === node.inputs) return undefined;
    return [b.emit(node.op, inputs, result, node.attributes, node.domain)];
  });
}

function beforeExpand(value: Value, b: GraphBuilder): Value | undefined {
  const node = b.producer(value);
  return node?.op === "Expand" ? (node.inputs[0] ?? undefined) : undefined;
}
