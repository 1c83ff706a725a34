import type { Graph } from "../graph.js";
import { removeDeadCode } from "./deadCode.js";

/** A pass: what it gives computes what it was given. */
export type Pass = (graph: Graph) => Graph;

/** The passes in the order in which they help each other. */
const PASSES: readonly Pass[] = [removeDeadCode];

/** A graph that does the same with less. */
export function simplify(graph: Graph): Graph {
  return PASSES.reduce((current, pass) => pass(current), graph);
}
