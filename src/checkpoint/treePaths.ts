import { PyDict, PyObject, PySet, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { describeValue } from "./describeValue.js";

/** A tensor and where in the file's tree it hangs: `state_dict["encoder.0.weight"]`. */
export interface TensorAtPath {
  readonly path: string;
  readonly tensor: StoredTensor;
}

/**
 * Every tensor of a tree in its order. A key of the root is bare when it is a plain name; deeper keys are in brackets,
 * strings as JSON, others as Python's repr; attributes of an object follow a dot. A container that is reached twice is
 * shown where it is reached first, so cycles end.
 */
export function tensorsOf(root: PyValue): TensorAtPath[] {
  const found: TensorAtPath[] = [];
  const seen = new Set<object>();
  // A stack of our own: a file may nest deeper than the call stack is.
  const pending: { readonly value: PyValue; readonly path: string }[] = [{ value: root, path: "" }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, path } = next;
    if (value instanceof StoredTensor) {
      found.push({ path, tensor: value });
      continue;
    }
    if (typeof value !== "object" || value === null || value instanceof Uint8Array || seen.has(value)) continue;
    seen.add(value);
    const children = childrenOf(value, path);
    for (let index = children.length - 1; index >= 0; index -= 1) {
      const child = children[index];
      if (child !== undefined) pending.push(child);
    }
  }
  return found;
}

function childrenOf(value: PyValue, path: string): { value: PyValue; path: string }[] {
  if (Array.isArray(value)) return indexed(value, path);
  if (value instanceof PyTuple || value instanceof PySet) return indexed(value.items, path);
  if (value instanceof PyDict) return [...entriesOf(value, path), ...attributesOf(value.attributes, path)];
  if (value instanceof PyObject) {
    return [
      ...(value.args instanceof PyTuple ? indexed(value.args.items, path) : []),
      ...indexed(value.listItems, path),
      ...entriesOf(value.dictItems, path),
      ...(value.state instanceof PyDict
        ? attributesOf(value.state, path)
        : value.state === undefined
          ? []
          : [{ value: value.state, path: `${path}.state` }]),
    ];
  }
  return [];
}

function indexed(items: readonly PyValue[], path: string): { value: PyValue; path: string }[] {
  return items.map((value, index) => ({ value, path: `${path}[${index}]` }));
}

function entriesOf(dict: PyDict, path: string): { value: PyValue; path: string }[] {
  return [...dict].map(([key, value]) => ({ value, path: `${path}${keyPath(key, path === "")}` }));
}

function attributesOf(attributes: PyDict | undefined, path: string): { value: PyValue; path: string }[] {
  return [...(attributes ?? [])].map(([key, value]) => ({
    value,
    path: `${path}.${typeof key === "string" ? key : describeValue(key)}`,
  }));
}

function keyPath(key: PyValue, isAtRoot: boolean): string {
  if (typeof key !== "string") return `[${describeValue(key)}]`;
  return isAtRoot && /^[A-Za-z_][A-Za-z0-9_-]*$/.test(key) ? key : `["${jsonEscaped(key)}"]`;
}

/** As in JSON, but that half of a surrogate pair stays itself, as Python's json leaves it. */
function jsonEscaped(text: string): string {
  const parts = text.split(/(\p{Surrogate})/u);
  return parts.map((part, index) => (index % 2 === 1 ? part : JSON.stringify(part).slice(1, -1))).join("");
}
