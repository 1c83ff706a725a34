import type { Graph, Node, Value } from "../graph.js";
import { integerConstant, sameShape, scalarConstant } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { rewrite } from "./rewrite.js";

/** Operators that change nothing when one operand is this number; Sub and Div on the right only. */
const NEUTRAL: Readonly<Record<string, { readonly element: number; readonly commutes: boolean }>> = {
  Add: { element: 0, commutes: true },
  Sub: { element: 0, commutes: false },
  Mul: { element: 1, commutes: true },
  Div: { element: 1, commutes: false },
  Pow: { element: 1, commutes: false },
};

/** Drop nodes that give back what they were given, and join reshapes with reshapes. */
export function removeIdentities(graph: Graph): Graph {
  return rewrite(graph, (node, b) => {
    const [x] = node.inputs;
    const [result] = node.outputs;
    if (x === null || x === undefined || result === undefined || node.outputs.length !== 1) return undefined;
    const same = sameShape(x.shape, result.shape) && x.dtype === result.dtype;
    switch (node.op) {
      case "Identity":
        return [x];
      case "Cast":
      case "Expand":
        return same ? [x] : undefined;
      case "Reshape":
        return reshape(x, result, b);
      case "Neg":
      case "Not": {
        const inner = b.producer(x);
        return inner?.op === node.op && inner.inputs[0] ? [inner.inputs[0]] : undefined;
      }
      case "ReduceSum":
      case "ReduceMean":
      case "ReduceMax":
      case "ReduceMin":
      case "ReduceProd": {
        const axes = integerConstant(node.inputs[1]) ?? [];
        return axes.every((axis) => x.shape[axis] === 1) ? [sameAs(b, x, result.shape)] : undefined;
      }
      default:
        return neutral(node, result);
    }
  });
}

function sameAs(b: GraphBuilder, x: Value, shape: readonly number[]): Value {
  return sameShape(x.shape, shape) ? x : b.reshape(x, shape);
}

function reshape(x: Value, result: Value, b: GraphBuilder): readonly Value[] | undefined {
  if (sameShape(x.shape, result.shape)) return [x];
  if (x.constant !== null) return [{ dtype: x.dtype, shape: result.shape, constant: x.constant }];
  const inner = b.producer(x);
  const source = inner?.op === "Reshape" ? inner.inputs[0] : undefined;
  if (source === null || source === undefined) return undefined;
  return [sameAs(b, source, result.shape)];
}

function neutral(node: Node, result: Value): readonly Value[] | undefined {
  const rule = NEUTRAL[node.op];
  const [x, y] = node.inputs;
  if (rule === undefined || !x || !y) return undefined;
  if (scalarConstant(y) === rule.element && sameShape(x.shape, result.shape)) return [x];
  if (rule.commutes && scalarConstant(x) === rule.element && sameShape(y.shape, result.shape)) return [y];
  return undefined;
}
