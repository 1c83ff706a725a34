import type { Attribute, Graph, Value } from "../graph.js";
import { rewrite } from "./rewrite.js";

/** A constant longer than this is compared by identity: reading it would cost more than it saves. */
const MAX_COMPARED = 64;

/** Compute the same thing once. */
export function shareCommonSubexpressions(graph: Graph): Graph {
  const ids = new Map<Value, number>();
  const seen = new Map<string, readonly Value[]>();
  const idOf = (value: Value): string => {
    if (value.constant !== null && value.constant.length <= MAX_COMPARED) {
      return `${value.dtype}[${value.shape.join()}](${value.constant.join()})`;
    }
    const id = ids.get(value) ?? ids.size;
    ids.set(value, id);
    return `%${id}`;
  };
  return rewrite(graph, (node, b) => {
    const inputs = node.inputs.map((value) => (value === null ? "" : idOf(value)));
    const attributes = Object.entries(node.attributes).map(([key, attribute]) => `${key}=${print(attribute)}`);
    const key = [node.domain, node.op, node.outputs.length, ...inputs, ...attributes.sort()].join(" ");
    const known = seen.get(key);
    if (known !== undefined) return known;
    seen.set(key, node.outputs);
    b.push(node);
    return node.outputs;
  });
}

function print(attribute: Attribute): string {
  return attribute.kind === "ints" ? attribute.value.join() : String(attribute.value);
}
