import { StoredTensor } from "../storage/storedTensor.js";
import { PyDict, PyObject, PySet, PyTuple } from "./values.js";
import type { PyValue } from "./values.js";

/** Python's own pickler gives up at about this depth; a deeper value was built to overflow somebody's stack. */
export const MAX_DEPTH = 1000;

interface Frame {
  readonly node: object;
  readonly children: readonly PyValue[];
  next: number;
  deepest: number;
}

/** How many containers lie in each other at most; a container inside itself counts once. Iterative, whatever the depth. */
export function depthOf(root: PyValue): number {
  const depths = new Map<object, number>();
  const path: Frame[] = [];
  let result = 0;
  const enter = (value: PyValue): number => {
    if (typeof value !== "object" || value === null) return 0;
    const known = depths.get(value);
    if (known !== undefined) return known;
    const children = childrenOf(value);
    if (children === undefined) return 0;
    depths.set(value, 0); // met again before it is done: a cycle
    path.push({ node: value, children, next: 0, deepest: 0 });
    return 0;
  };
  enter(root);
  for (let frame = path.at(-1); frame !== undefined; frame = path.at(-1)) {
    if (frame.next < frame.children.length) {
      const child = frame.children[frame.next] ?? null;
      frame.next += 1;
      const depth = enter(child);
      if (depth > frame.deepest) frame.deepest = depth;
      continue;
    }
    path.pop();
    result = frame.deepest + 1;
    depths.set(frame.node, result);
    const above = path.at(-1);
    if (above !== undefined && result > above.deepest) above.deepest = result;
  }
  return result;
}

function childrenOf(value: object): readonly PyValue[] | undefined {
  if (Array.isArray(value)) return value as PyValue[];
  if (value instanceof PyTuple || value instanceof PySet) return value.items;
  if (value instanceof PyDict) {
    const children: PyValue[] = [];
    for (const [key, entry] of value) {
      if (!isLeaf(key)) children.push(key);
      if (!isLeaf(entry)) children.push(entry);
    }
    if (value.attributes !== undefined) children.push(value.attributes);
    return children;
  }
  if (value instanceof PyObject) {
    return [value.callable, value.args, value.state ?? null, value.listItems, value.dictItems, value.kwargs ?? null];
  }
  if (value instanceof StoredTensor && value.origin instanceof PyObject) return [value.origin];
  return undefined;
}

/** What holds nothing: a state_dict has a hundred thousand of them. */
function isLeaf(value: PyValue): boolean {
  return typeof value !== "object" || (value instanceof StoredTensor && value.origin === undefined);
}
