import { PyComplex, PyDict, PyFloat, PyGlobal, PyObject, PySet, PyStorage, PyTuple } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";

/** A value spelled out, so that two values with the same spelling are the same; a container inside itself is "...". */
export function spell(value: PyValue, inside: ReadonlySet<PyValue> = new Set()): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number" || typeof value === "bigint") return `int ${value}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (inside.has(value)) return "...";
  const within = new Set(inside).add(value);
  const all = (items: Iterable<PyValue>): string => [...items].map((item) => spell(item, within)).join(", ");
  if (value instanceof PyFloat) return `float ${Object.is(value.value, -0) ? "-0" : value.value}`;
  if (value instanceof PyComplex) return `complex ${value.real} ${value.imag}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return `[${all(value)}]`;
  if (value instanceof PyTuple) return `(${all(value.items)})`;
  if (value instanceof PySet) return `${value.frozen ? "frozenset" : "set"}{${all(value.items)}}`;
  if (value instanceof PyDict) {
    const entries = [...value].map(([key, entry]) => `${spell(key, within)}: ${spell(entry, within)}`);
    const factory = value.factory === undefined ? "" : ` factory ${spell(value.factory, within)}`;
    const attributes = value.attributes === undefined ? "" : ` attributes ${spell(value.attributes, within)}`;
    return `${value.kind}{${entries.join(", ")}}${factory}${attributes}`;
  }
  if (value instanceof PyGlobal) return value.toString();
  if (value instanceof PyObject) {
    const parts = [
      value.callable,
      value.args,
      value.state ?? null,
      value.listItems,
      value.dictItems,
      value.kwargs ?? null,
    ];
    return `${value.how} ${all(parts)}`;
  }
  if (value instanceof PyStorage) return `storage ${value.storageClass.toString()} ${value.storage.byteLength}`;
  if (value instanceof StoredTensor) return `tensor ${value.dtype} [${value.shape.join()}] [${value.stride.join()}]`;
  value satisfies never;
  throw new TypeError("unreachable");
}
