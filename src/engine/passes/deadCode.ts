import type { Graph, Node, Value } from "../graph.js";

/** Drop what no output needs: nodes, and inputs that nothing reads. */
export function removeDeadCode(graph: Graph): Graph {
  const needed = new Set<Value>(graph.outputs.map(({ value }) => value));
  const kept: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((value) => needed.has(value))) continue;
    kept.push(node.op === "MaxPool" ? withoutPositions(node, needed) : node);
    for (const value of node.inputs) if (value !== null) needed.add(value);
  }
  const inputs = graph.inputs.filter(({ value }) => needed.has(value));
  return { inputs, nodes: kept.reverse(), outputs: graph.outputs };
}

/** Pooling is faster when nobody asks where the largest elements were. */
function withoutPositions(node: Node, needed: ReadonlySet<Value>): Node {
  const [largest, positions] = node.outputs;
  if (largest === undefined || positions === undefined || needed.has(positions)) return node;
  return { ...node, outputs: [largest] };
}
