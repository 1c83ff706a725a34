import { LtrainError } from "../errors.js";
import { asItems } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";

/**
 * The tree that torch.distributed.checkpoint flattened: `paths` gives for a flat name the keys that lead to its value,
 * a str for a dict and an int for a list. A name without a path stays as it is.
 */
export function nestValues(values: ReadonlyMap<string, PyValue>, paths: PyValue | undefined): PyDict {
  const root = new PyDict();
  const known = paths instanceof PyDict ? paths : new PyDict();
  for (const [name, value] of values) {
    const path = asItems(known.get(name)) ?? [name];
    setAt(root, name, path.length === 0 ? [name] : path, value, values.size);
  }
  return root;
}

type Container = PyDict | PyValue[];

function setAt(root: PyDict, name: string, path: readonly PyValue[], value: PyValue, mostItems: number): void {
  let container: Container = root;
  path.forEach((key, depth) => {
    const isLast = depth === path.length - 1;
    const next = path[depth + 1];
    const known = itemAt(container, key, name, mostItems);
    if (isLast) {
      put(container, key, value);
      return;
    }
    const inner = known ?? (typeof next === "string" ? new PyDict() : []);
    if (!(inner instanceof PyDict) && !Array.isArray(inner)) throw malformed(name, "leads through another value");
    if (known === undefined || known === null) put(container, key, inner);
    container = inner;
  });
}

function itemAt(container: Container, key: PyValue, name: string, mostItems: number): PyValue | undefined {
  if (container instanceof PyDict) {
    if (typeof key === "string" || typeof key === "number") return container.get(key);
  } else if (typeof key === "number" && Number.isSafeInteger(key) && key >= 0) {
    // A list has at most as many tensors as there are, and whatever lies between them.
    if (key > mostItems * 64) throw malformed(name, `leads to item ${key} of a list`);
    while (container.length <= key) container.push(null);
    return container[key];
  }
  throw malformed(name, "leads into a list by something that is no number");
}

function put(container: Container, key: PyValue, value: PyValue): void {
  if (container instanceof PyDict) container.set(key, value);
  else if (typeof key === "number") container[key] = value;
}

function malformed(name: string, what: string): LtrainError {
  return new LtrainError("checkpoint.malformed", `.metadata: the path of "${name}" ${what}`);
}
