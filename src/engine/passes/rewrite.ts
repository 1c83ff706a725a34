import type { Graph, Node, Port, Value } from "../graph.js";
import { GraphBuilder } from "../graphBuilder.js";

/**
 * Looks at one node, whose inputs are already those of the new graph, and gives the values that take the place of its
 * outputs; undefined leaves the node as it is. New nodes are written through the builder.
 */
export type Rule = (node: Node, b: GraphBuilder) => readonly Value[] | undefined;

/** A new graph in which a rule has been applied to every node, first to last. */
export function rewrite(graph: Graph, rule: Rule): Graph {
  const builder = new GraphBuilder();
  const replaced = new Map<Value, Value>();
  const now = (value: Value): Value => replaced.get(value) ?? value;
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((value) => (value === null ? null : now(value)));
    const changed = inputs.some((value, i) => value !== node.inputs[i]);
    const current = changed ? { ...node, inputs } : node;
    builder.origin = node.origin;
    const results = rule(current, builder);
    if (results === undefined) {
      builder.push(current);
      continue;
    }
    node.outputs.forEach((value, i) => {
      const result = results[i];
      if (result === undefined) throw new Error(`a rule for ${node.op} gave ${results.length} values`);
      if (result !== value) replaced.set(value, result);
    });
  }
  const outputs = graph.outputs.map(({ name, value }): Port => ({ name, value: now(value) }));
  return { inputs: graph.inputs, nodes: builder.nodes, outputs };
}
