import type { Graph } from "../graph.js";
import { checkGraph } from "../graph.js";
import type { AutocastOptions } from "./autocast.js";
import { autocast } from "./autocast.js";
import { sinkBroadcasts } from "./broadcasts.js";
import { shareCommonSubexpressions } from "./commonSubexpressions.js";
import { foldConstants } from "./constants.js";
import { fuseConvBias } from "./convBias.js";
import { removeDeadCode } from "./deadCode.js";
import { fuseGemm } from "./gemm.js";
import { removeIdentities } from "./identities.js";
import { cancelTransposes } from "./transposes.js";

/** A pass: what it gives computes what it was given. */
export type Pass = (graph: Graph) => Graph;

/** The passes in the order in which they help each other. */
const PASSES: readonly Pass[] = [
  shareCommonSubexpressions, // first: a gradient's pooling is its forward pass', as long as both say where
  removeDeadCode,
  foldConstants,
  removeIdentities,
  sinkBroadcasts,
  (graph) => cancelTransposes(graph),
];

/** Each round may open the way for the next; after this many a graph is done or is going in circles. */
const MAX_ROUNDS = 8;

/** A graph that does the same with less. */
export function simplify(graph: Graph): Graph {
  let current = graph;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const before = current.nodes;
    current = PASSES.reduce((each, pass) => pass(each), current);
    const settled = before.length === current.nodes.length && current.nodes.every((node, i) => node === before[i]);
    if (settled) break;
  }
  const fused = removeDeadCode(fuseConvBias(fuseGemm(current)));
  checkGraph(fused);
  return fused;
}

/** A simplified graph with its products in halves. */
export function lowerPrecision(graph: Graph, options: AutocastOptions): Graph {
  const lowered = removeDeadCode(shareCommonSubexpressions(autocast(graph, options)));
  checkGraph(lowered);
  return lowered;
}
