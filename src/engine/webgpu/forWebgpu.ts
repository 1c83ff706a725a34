import type { Graph, Node, Value } from "../graph.js";
import { int } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { compare, reduce, where } from "../lowering/operators.js";
import { removeDeadCode } from "../passes/deadCode.js";
import type { Rule } from "../passes/rewrite.js";
import { rewrite } from "../passes/rewrite.js";
import { maxPoolGradient } from "./maxPoolGradient.js";

/** The graph in operators that ONNX Runtime's WebGPU provider has, and has right. */
export function forWebgpu(graph: Graph): Graph {
  return removeDeadCode(rewrite(rewrite(graph, maxPoolGradient), withRules));
}

const RULES: Readonly<Record<string, Rule>> = { ConvTranspose: spreadGroups, Relu: relu, Clip: clip };

function withRules(node: Node, b: GraphBuilder): readonly Value[] | undefined {
  return RULES[node.op]?.(node, b);
}

/**
 * Groups of several channels with one result each come out wrong (1.30: all but the first group); groups of one
 * channel come out right. So each channel is a group of its own, and the results of a group are added.
 */
function spreadGroups(node: Node, b: GraphBuilder): readonly Value[] | undefined {
  const [x, weights] = node.inputs;
  const [result] = node.outputs;
  const group = node.attributes["group"];
  if (!x || !weights || result === undefined || node.inputs.length > 2 || group?.kind !== "int") return undefined;
  const [batch = 1, channels = 1] = x.shape;
  const [, , height = 1, width = 1] = result.shape;
  if (group.value === 1 || weights.shape[1] !== 1 || channels === group.value) return undefined;
  const spec = { dtype: result.dtype, shape: [batch, channels, height, width] };
  const apart = b.emit("ConvTranspose", [x, weights], spec, { ...node.attributes, group: int(channels) });
  const grouped = b.reshape(apart, [batch, group.value, channels / group.value, height, width]);
  return [reduce(b, "ReduceSum", grouped, [2], false)];
}

/** A GPU's max(NaN, 0) is 0: a run that has diverged would look well. A comparison lets NaN through. */
function relu(node: Node, b: GraphBuilder): readonly Value[] | undefined {
  const [x] = node.inputs;
  if (x?.dtype !== "float32") return undefined;
  const zero = b.scalar(0);
  return [where(b, compare(b, "Less", x, zero), zero, x)];
}

/** The same between two bounds. */
function clip(node: Node, b: GraphBuilder): readonly Value[] | undefined {
  const [x, low, high] = node.inputs;
  if (x?.dtype !== "float32" || !low || !high) return undefined;
  const raised = where(b, compare(b, "Less", x, low), low, x);
  return [where(b, compare(b, "Greater", raised, high), high, raised)];
}
