import { asDict } from "../pickle/convert.js";
import { PyComplex, PyDict, PyFloat, PyGlobal, PyObject, PySet, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { knownValueOf } from "../serialization/knownValue.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { className, describeValue, shownArray } from "./describeValue.js";

/** What JSON can carry. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Deeper than this JSON.stringify itself would overflow the stack. */
const MAX_DEPTH = 200;

/**
 * A value of the file as JSON: tuples and sets become arrays, nan and the infinities and integers beyond 2^53 strings,
 * paths, dates and the like what Python prints of them, a Namespace its dict, a tensor its dtype and shape, any other
 * foreign object its class and what it was given. A cycle ends in "...", and so does a value shared too often.
 */
export function jsonValue(value: PyValue): JsonValue {
  return toJson(value, [], { seen: new Set(), repeats: 0 });
}

/** What was met: a container that many others share is written out for each of them, up to a limit. */
interface Sharing {
  readonly seen: Set<PyValue>;
  repeats: number;
}

/** Ten lists of ten references each, twelve deep, are 300 bytes in a file and 10^12 items in JSON. */
const MAX_REPEATS = 10_000;

function toJson(value: PyValue, path: readonly PyValue[], sharing: Sharing): JsonValue {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return jsonNumber(value);
  if (typeof value === "bigint") return String(value);
  if (value instanceof PyFloat) return jsonNumber(value.value);
  if (value instanceof Uint8Array) return { bytes: value.byteLength };
  if (value instanceof StoredTensor) return { dtype: value.dtype, shape: [...value.shape] };
  if (value instanceof PyGlobal) return { global: value.toString() };
  if (value instanceof PyComplex || value instanceof PyStorage) return describeValue(value);
  if (path.length >= MAX_DEPTH || path.includes(value)) return "...";
  if (sharing.seen.has(value) && (sharing.repeats += 1) > MAX_REPEATS) return "...";
  sharing.seen.add(value);
  const inner = (item: PyValue): JsonValue => toJson(item, [...path, value], sharing);
  if (Array.isArray(value)) return value.map(inner);
  if (value instanceof PyTuple || value instanceof PySet) return value.items.map(inner);
  if (value instanceof PyDict) return jsonObject(value, inner);
  return jsonForeign(value, inner);
}

function jsonForeign(value: PyObject, inner: (item: PyValue) => JsonValue): JsonValue {
  const known = knownValueOf(value);
  if (known?.type === "numpy.bool") return known.text === "True";
  if (known !== undefined) return /^numpy\.(?:u?int|float)\d/.test(known.type) ? jsonDigits(known.text) : known.text;
  const array = shownArray(value);
  if (array !== undefined) {
    return { class: "numpy.ndarray", dtype: array.tensor?.dtype ?? array.type.text, shape: [...array.shape] };
  }
  const [only] = value.args instanceof PyTuple ? value.args.items : [];
  if (value.className === "torch.Size" && only !== undefined) return inner(only);
  const dict = asDict(value);
  if (dict !== undefined && (dict === value.state || value.state === undefined) && only === undefined) {
    return inner(dict);
  }
  return {
    class: className(value),
    ...(value.args instanceof PyTuple && value.args.items.length > 0 ? { args: inner(value.args) } : {}),
    ...(value.listItems.length > 0 ? { items: value.listItems.map(inner) } : {}),
    ...(value.dictItems.size > 0 ? { entries: inner(value.dictItems) } : {}),
    ...(value.state === undefined ? {} : { state: inner(value.state) }),
  };
}

/** A number that is written already; digits that a JSON reader would lose stay text. */
function jsonDigits(text: string): number | string {
  const number = Number(text);
  return Number.isFinite(number) && (Number.isSafeInteger(number) || /[.e]/.test(text)) ? number : text;
}

/** A number as JSON has it; what JSON has no number for is Python's word for it. */
export function jsonNumber(value: number): number | string {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

function jsonObject(dict: PyDict, inner: (item: PyValue) => JsonValue): { readonly [key: string]: JsonValue } {
  // No prototype: a key `__proto__` is a key like any other.
  const object = Object.create(null) as Record<string, JsonValue>;
  for (const [key, item] of dict) object[typeof key === "string" ? key : describeValue(key)] = inner(item);
  return object;
}
