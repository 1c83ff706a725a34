import { numelOf } from "../../storage/hostTensor.js";
import type { Graph, Node, Port, Value } from "../graph.js";
import { sameShape, scalarConstant } from "../graph.js";
import type { FusedKernel } from "./elementwiseKernel.js";
import { isFusible } from "./elementwiseKernel.js";

/** How the ports of Variables are called (capture.ts). */
const STATE = "state.";
const NEXT = ".next";

function isState(output: string): boolean {
  return output.startsWith(STATE) && output.endsWith(NEXT);
}

/** A graph, and kernels that run after it and write what the graph no longer gives. */
export interface Partition {
  readonly graph: Graph;
  readonly kernels: readonly FusedKernel[];
  /** What the kernels read that only the graph knows: its extra outputs. */
  readonly handed: readonly Port[];
}

/**
 * Take an optimizer's arithmetic out of a graph: the elementwise nodes at its end, through which gradients and state
 * become the next state. A graph runs them one by one, each over memory of its own; a kernel runs them all in one
 * loop, in place: the next state is written over the state.
 */
export function partition(graph: Graph): Partition {
  const tail = findTail(graph);
  const groups = connected(graph.nodes.filter((node) => tail.has(node)));
  const inputs = new Map(graph.inputs.map(({ name, value }) => [name, value]));
  const kernels: FusedKernel[] = [];
  const fused = new Set<Node>();
  for (const nodes of groups) {
    const kernel = kernelOf(nodes, graph);
    const overwritten = outputsOf(graph, kernel).map(({ name }) => inputs.get(name.slice(0, -NEXT.length)));
    const others = groups.filter((group) => group !== nodes).flat();
    // What this kernel writes over, no other may still want to read.
    if (others.some((node) => node.inputs.some((value) => overwritten.includes(value ?? undefined)))) continue;
    kernels.push(kernel);
    for (const node of nodes) fused.add(node);
  }
  const written = new Set(kernels.flatMap((kernel) => kernel.results));
  const outputs = graph.outputs.filter(({ value }) => !written.has(value));
  const nodes = graph.nodes.filter((node) => !fused.has(node));
  const handed = handedOver(graph, kernels);
  return { graph: { inputs: graph.inputs, nodes, outputs: [...outputs, ...handed] }, kernels, handed };
}

/** Nodes whose results go into the next state only, by way of nodes of the same kind and shape. */
function findTail(graph: Graph): ReadonlySet<Node> {
  const tail = new Set<Node>();
  const users = new Map<Value, (Node | string)[]>();
  const use = (value: Value | null, user: Node | string): void => {
    if (value === null) return;
    const known = users.get(value);
    if (known === undefined) users.set(value, [user]);
    else known.push(user);
  };
  for (const { name, value } of graph.outputs) use(value, name);
  for (const node of graph.nodes) for (const value of node.inputs) use(value, node);
  for (const node of graph.nodes.toReversed()) {
    const [result] = node.outputs;
    if (result === undefined || numelOf(result.shape) <= 1 || !isFusible(node)) continue;
    const fits = node.inputs.every((value) => value !== null && (isOne(value) || sameShape(value.shape, result.shape)));
    const usedBy = users.get(result) ?? [];
    const ends = usedBy.filter((user): user is string => typeof user === "string");
    const inside = usedBy.every((user) => (typeof user === "string" ? isState(user) : tail.has(user)));
    // A result that is the next value of two Variables has two places to go to; a kernel knows one.
    if (fits && inside && ends.length <= 1 && (ends.length === 0 || result.dtype === "float32")) tail.add(node);
  }
  // An array of truths from outside would come in bytes, which kernels do not read.
  const given = new Set([...tail].flatMap((node) => node.outputs));
  let before = -1;
  while (tail.size !== before) {
    before = tail.size;
    for (const node of tail) {
      const foreign = node.inputs.some((value) => value?.dtype === "bool" && !isOne(value) && !given.has(value));
      const stranded = node.outputs.some((value) =>
        (users.get(value) ?? []).some((user) => typeof user !== "string" && !tail.has(user)),
      );
      if (!foreign && !stranded) continue;
      tail.delete(node);
      for (const value of node.outputs) given.delete(value);
    }
  }
  return tail;
}

function isOne(value: Value): boolean {
  return numelOf(value.shape) === 1;
}

/** Nodes that give values to each other, in the order of the graph. */
function connected(nodes: readonly Node[]): Node[][] {
  const groupOf = new Map<Value, { nodes: Node[] }>();
  const groups = new Set<{ nodes: Node[] }>();
  for (const node of nodes) {
    const group = { nodes: [] as Node[] };
    groups.add(group);
    for (const value of [...node.inputs, ...node.outputs]) {
      if (value === null || value.constant !== null || isOne(value)) continue;
      const other = groupOf.get(value);
      groupOf.set(value, group);
      if (other === undefined || other === group) continue;
      group.nodes.push(...other.nodes);
      groups.delete(other);
      for (const [each, owner] of groupOf) if (owner === other) groupOf.set(each, group);
    }
    group.nodes.push(node);
  }
  const order = new Map(nodes.map((node, i) => [node, i]));
  return [...groups].map((group) => group.nodes.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0)));
}

function kernelOf(nodes: readonly Node[], graph: Graph): FusedKernel {
  const inside = new Set(nodes.flatMap((node) => node.outputs));
  const read = nodes.flatMap((node) => node.inputs).filter((value): value is Value => value !== null);
  const outside = [...new Set(read)].filter((value) => !inside.has(value) && scalarConstant(value) === undefined);
  return {
    count: numelOf(nodes[0]?.outputs[0]?.shape ?? []),
    arrays: outside.filter((value) => !isOne(value)),
    scalars: outside.filter((value) => isOne(value)),
    nodes,
    results: graph.outputs.map(({ value }) => value).filter((value) => inside.has(value)),
  };
}

function outputsOf(graph: Graph, kernel: FusedKernel): Port[] {
  return graph.outputs.filter(({ value }) => kernel.results.includes(value));
}

/**
 * What the graph must give the kernels, once each, under a name of its own. State they read where it lies, and numbers
 * that come from outside are known; the rest, numbers in state included since they may be overwritten first, is handed.
 */
function handedOver(graph: Graph, kernels: readonly FusedKernel[]): Port[] {
  const inputs = new Map(graph.inputs.map(({ name, value }) => [value, name]));
  const inState = (value: Value): boolean => inputs.get(value)?.startsWith(STATE) ?? false;
  const arrays = kernels.flatMap((kernel) => kernel.arrays).filter((value) => !inState(value));
  const scalars = kernels.flatMap((kernel) => kernel.scalars).filter((value) => !inputs.has(value) || inState(value));
  return [...new Set([...arrays, ...scalars])].map((value, i) => ({ name: `handed.${i}`, value }));
}
