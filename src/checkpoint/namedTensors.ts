import { keyText } from "../pickle/convert.js";
import { PyDict, PyObject, PySet, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { StoredTensor } from "../storage/storedTensor.js";
import type { StateDict } from "./checkpoint.js";
import { parseStateDict } from "./parseCheckpoint.js";
import { childrenOf } from "./treePaths.js";

/** Whether every key of a dict is a string and at least one value a tensor: names have no level above them. */
export function isFlat(value: PyValue): value is PyDict {
  if (!(value instanceof PyDict) || value.size === 0) return false;
  const entries = [...value];
  return (
    entries.every(([key, item]) => typeof key === "string" && !isTree(item)) &&
    entries.some(([, item]) => item instanceof StoredTensor)
  );
}

/** Containers that can hold tensors further down; an empty one holds none. */
function isTree(value: PyValue): boolean {
  return (value instanceof PyDict && value.size > 0) || Array.isArray(value) || value instanceof PyTuple;
}

/**
 * Any part of a file as a state_dict: a flat dict as it is; of anything deeper the tensors alone, their names the keys
 * and indices on the way to them, joined by dots: `0.exp_avg`. A tensor by itself is called `name`.
 */
export function namedTensors(value: PyValue, name: string): StateDict {
  if (isFlat(value)) return parseStateDict(value);
  const tensors = new Map<string, StoredTensor>();
  const seen = new Set<PyValue>();
  const visit = (item: PyValue, parts: readonly string[]): void => {
    if (item instanceof StoredTensor) tensors.set(freeName(tensors, parts.join(".") || name), item);
    if (typeof item !== "object" || item === null || seen.has(item) || item instanceof Uint8Array) return;
    if (item instanceof StoredTensor) return; // a tensor may be met under two names
    seen.add(item);
    for (const { key, child } of namedChildren(item)) visit(child, [...parts, key]);
  };
  visit(value, []);
  return { tensors, versions: null };
}

function namedChildren(value: PyValue): { key: string; child: PyValue }[] {
  if (value instanceof PyDict) return Array.from(value, ([key, child]) => ({ key: keyText(key), child }));
  if (Array.isArray(value)) return value.map((child, index) => ({ key: String(index), child }));
  if (value instanceof PyTuple || value instanceof PySet) {
    return value.items.map((child, index) => ({ key: String(index), child }));
  }
  if (!(value instanceof PyObject)) return [];
  return childrenOf(value).map(({ step, value: child }) => ({ key: step.replace(/^\.|^\["?|"?\]$/g, ""), child }));
}

/** Two paths can spell one name (`{"a.b": ..}` and `{"a": {"b": ..}}`): the second gets a number. */
function freeName(taken: ReadonlyMap<string, unknown>, name: string): string {
  if (!taken.has(name)) return name;
  let count = 1;
  while (taken.has(`${name}.${count}`)) count += 1;
  return `${name}.${count}`;
}
