import { numelOf } from "../storage/hostTensor.js";
import type { Graph, Node } from "./graph.js";

/**
 * Floating point operations of a graph as torch.utils.flop_counter counts them: matrix products and convolutions, a
 * multiplication and an addition being two; what is done to single elements is not counted. Of the weights' gradient of
 * a grouped convolution torch counts every group's inputs for each group, which nobody multiplies.
 */
export function countFlops(graph: Graph): number {
  return countNodeFlops(graph.nodes);
}

/** The same of some nodes of a graph. */
export function countNodeFlops(nodes: readonly Node[]): number {
  return nodes.reduce((sum, node) => sum + 2 * productsOf(node), 0);
}

/** Multiplications of one node. */
function productsOf(node: Node): number {
  const [first, second] = node.inputs;
  const result = numelOf(node.outputs[0]?.shape ?? []);
  const shape = first?.shape ?? [];
  const weight = second?.shape ?? [];
  switch (node.op) {
    case "MatMul":
      return result * (shape.at(-1) ?? 0);
    case "Gemm": {
      const transposed = node.attributes["transA"];
      return result * ((transposed?.kind === "int" && transposed.value === 1 ? shape[0] : shape[1]) ?? 0);
    }
    // Weights are [out, in / groups, kernel...]: as many products for every number that comes out.
    case "Conv":
      return result * numelOf(weight.slice(1));
    // Weights are [in, out / groups, kernel...]: as many for every number that goes in.
    case "ConvTranspose":
      return numelOf(shape) * numelOf(weight.slice(1));
    // [batch, length, width] each: queries times keys, weights times values.
    case "MultiHeadAttention":
      return 2 * numelOf(shape) * (weight[1] ?? 0);
    default:
      return 0;
  }
}
