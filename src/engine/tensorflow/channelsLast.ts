import { numelOf } from "../../storage/hostTensor.js";
import type { ConstantData, Graph, Node, Value } from "../graph.js";
import { sameShape } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { add } from "../lowering/operators.js";
import { TO_NCHW, TO_NHWC } from "../lowering/convolution.js";
import { removeDeadCode } from "../passes/deadCode.js";
import { rewrite } from "../passes/rewrite.js";
import { cancelTransposes } from "../passes/transposes.js";

/** From OIHW, and from what a depthwise and a transposed convolution make of it, to TensorFlow's layout. */
const OIHW_TO_HWIO = [2, 3, 1, 0];
const CMHW_TO_HWCM = [2, 3, 0, 1];

const MAX_ROUNDS = 8;

/**
 * Convolutions and pooling as tfjs computes them, with the channels last; the transposes that come with it meet and
 * cancel, and weights are transposed here. `renamed` hears of a weight that has become another.
 */
export function channelsLast(graph: Graph, renamed: (from: Value, to: Value) => void): Graph {
  const constants = new Map<Value, Value>();
  const weights = (b: GraphBuilder, value: Value, perm: readonly number[], shape = value.shape): Value => {
    if (value.constant === null)
      return b.transpose(sameShape(shape, value.shape) ? value : b.reshape(value, shape), perm);
    const known = constants.get(value) ?? transposed({ ...value, shape }, perm);
    constants.set(value, known);
    renamed(value, known);
    return known;
  };
  let current = rewrite(graph, (node, b) => rule(node, b, weights));
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const before = current.nodes;
    current = removeDeadCode(cancelTransposes(current, { fixedShapes: false })); // the batch may have any size
    if (current.nodes.length === before.length && current.nodes.every((node, i) => node === before[i])) break;
  }
  return current;
}

type WeightLayout = (b: GraphBuilder, value: Value, perm: readonly number[], shape?: readonly number[]) => Value;

function rule(node: Node, b: GraphBuilder, weights: WeightLayout): readonly Value[] | undefined {
  const [x, filter, bias] = node.inputs;
  const [result] = node.outputs;
  if (!x || result?.shape.length !== 4) return undefined;
  const write = (op: string, inputs: readonly Value[]): Value => {
    const spec = { dtype: result.dtype, shape: TO_NHWC.map((axis) => result.shape[axis] ?? 1) };
    return b.emit(op, [b.transpose(x, TO_NHWC), ...inputs], spec, node.attributes, "tensorflow");
  };
  switch (node.op) {
    case "Conv": {
      const made = convolution(node, b, x, filter, weights, write);
      if (made === undefined) return undefined;
      return [b.transpose(bias ? add(b, made, bias) : made, TO_NCHW)];
    }
    case "ConvTranspose":
      if (!filter || groupsOf(node) !== 1) return undefined;
      return [b.transpose(write("ConvTranspose", [weights(b, filter, OIHW_TO_HWIO)]), TO_NCHW)];
    case "MaxPool":
    case "AveragePool":
      return node.outputs.length === 1 ? [b.transpose(write(node.op, []), TO_NCHW)] : undefined;
    default:
      return undefined;
  }
}

function convolution(
  node: Node,
  b: GraphBuilder,
  x: Value,
  filter: Value | null | undefined,
  weights: WeightLayout,
  write: (op: string, inputs: readonly Value[]) => Value,
): Value | undefined {
  const groups = groupsOf(node);
  const channels = x.shape[1] ?? 1;
  if (!filter) return undefined;
  if (groups === 1) return write("Conv", [weights(b, filter, OIHW_TO_HWIO)]);
  if (groups !== channels) return undefined;
  const [outputs = 1, , height = 1, width = 1] = filter.shape;
  return write("DepthwiseConv", [weights(b, filter, CMHW_TO_HWCM, [channels, outputs / channels, height, width])]);
}

function groupsOf({ attributes: { group } }: Node): number {
  return group?.kind === "int" ? group.value : 1;
}

/** A constant with its axes in another order. */
function transposed({ dtype, shape, constant }: Value, perm: readonly number[]): Value {
  const size = numelOf(shape);
  const strides = shape.map((_, axis) => numelOf(shape.slice(axis + 1)));
  const target = perm.map((axis) => shape[axis] ?? 1);
  const steps = perm.map((axis) => strides[axis] ?? 0);
  const data: ConstantData = (constant ?? new Float32Array(size)).slice();
  const place = perm.map(() => 0);
  let from = 0;
  for (let to = 0; to < size; to += 1) {
    data[to] = constant?.[from] ?? 0;
    for (let axis = perm.length - 1; axis >= 0; axis -= 1) {
      place[axis] = (place[axis] ?? 0) + 1;
      from += steps[axis] ?? 0;
      if ((place[axis] ?? 0) < (target[axis] ?? 0)) break;
      from -= (place[axis] ?? 0) * (steps[axis] ?? 0);
      place[axis] = 0;
    }
  }
  return { dtype, shape: target, constant: data };
}
