import { asDict } from "../pickle/convert.js";
import { PyComplex, PyDict, PyFloat, PyGlobal, PyObject, PySet, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { elementTexts, knownValueOf } from "../serialization/knownValue.js";
import { numelOf } from "../storage/hostTensor.js";
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
  return toJson(value, [], { seen: new Set(), repeated: 0 });
}

/** What was met: a container or text that many others share is written out for each of them, up to a limit in all. */
interface Sharing {
  readonly seen: Set<PyValue>;
  repeated: number;
}

/**
 * Characters of what was written before; an item of a container counts as sixteen. Ten lists of ten references each,
 * twelve deep, are 300 bytes in a file and 10^12 items in JSON; so is a long text that a short list names again and again.
 */
const MAX_REPEATED = 1 << 22;
const ITEM_CHARACTERS = 16;
/** A text up to this length is written as often as it is named: naming it takes bytes in the file too. */
const SHORT_TEXT = 64;

/** Times and texts of a numpy array of up to so many are written with it, one after the other. */
const MAX_ELEMENTS = 20;

/** Whether a value may be written: what is new always, what was written before while there is room for its size. */
function hasRoom(value: PyValue, characters: number, sharing: Sharing): boolean {
  if (!sharing.seen.has(value)) {
    sharing.seen.add(value);
    return true;
  }
  sharing.repeated += characters;
  return sharing.repeated <= MAX_REPEATED;
}

/** A text, or "..." where it has been written too often. */
function sharedText(text: string, sharing: Sharing): string {
  return text.length <= SHORT_TEXT || hasRoom(text, text.length, sharing) ? text : "...";
}

/** How many values lie in a container directly. */
function itemCount(value: Exclude<PyValue, null | boolean | number | bigint | string>): number {
  if (Array.isArray(value)) return value.length;
  if (value instanceof PyTuple || value instanceof PySet) return value.items.length;
  if (value instanceof PyDict) return value.size;
  return value instanceof PyObject ? value.listItems.length + value.dictItems.size + MAX_ELEMENTS : 0;
}

function toJson(value: PyValue, path: readonly PyValue[], sharing: Sharing): JsonValue {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return sharedText(value, sharing);
  if (typeof value === "number") return jsonNumber(value);
  // Decimal digits take their time: their number is told by the hexadecimal ones.
  if (typeof value === "bigint") return hasRoom(value, value.toString(16).length, sharing) ? String(value) : "...";
  if (value instanceof PyFloat) return jsonNumber(value.value);
  if (value instanceof Uint8Array) return { bytes: value.byteLength };
  if (value instanceof StoredTensor) return { dtype: value.dtype, shape: [...value.shape] };
  if (value instanceof PyGlobal) return { global: sharedText(value.toString(), sharing) };
  if (value instanceof PyComplex || value instanceof PyStorage) return describeValue(value);
  if (path.length >= MAX_DEPTH || path.includes(value)) return "...";
  if (!hasRoom(value, (1 + itemCount(value)) * ITEM_CHARACTERS, sharing)) return "...";
  const inner = (item: PyValue): JsonValue => toJson(item, [...path, value], sharing);
  if (Array.isArray(value)) return value.map(inner);
  if (value instanceof PyTuple || value instanceof PySet) return value.items.map(inner);
  if (value instanceof PyDict) return jsonObject(value, inner, sharing);
  return jsonForeign(value, inner, sharing);
}

function jsonForeign(value: PyObject, inner: (item: PyValue) => JsonValue, sharing: Sharing): JsonValue {
  const known = knownValueOf(value);
  if (known?.type === "numpy.bool") return known.text === "True";
  if (known !== undefined) return /^numpy\.(?:u?int|float)\d/.test(known.type) ? jsonDigits(known.text) : known.text;
  const array = shownArray(value);
  if (array !== undefined) {
    const values = numelOf(array.shape) > MAX_ELEMENTS ? [] : elementTexts(array, MAX_ELEMENTS);
    return {
      class: "numpy.ndarray",
      dtype: array.tensor?.dtype ?? array.type.text,
      shape: [...array.shape],
      ...(values.length > 0 ? { values: values.map((text) => sharedText(text, sharing)) } : {}),
    };
  }
  const [only] = value.args instanceof PyTuple ? value.args.items : [];
  if (value.className === "torch.Size" && only !== undefined) return inner(only);
  const dict = asDict(value);
  if (dict !== undefined && (dict === value.state || value.state === undefined) && only === undefined) {
    return inner(dict);
  }
  return {
    class: sharedText(className(value), sharing),
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

function jsonObject(dict: PyDict, inner: (item: PyValue) => JsonValue, sharing: Sharing): JsonValue {
  // No prototype: a key `__proto__` is a key like any other.
  const object = Object.create(null) as Record<string, JsonValue>;
  for (const [key, item] of dict) {
    const name = typeof key === "string" ? key : describeValue(key);
    if (name.length > SHORT_TEXT && !hasRoom(name, name.length, sharing)) return "...";
    object[name] = inner(item);
  }
  return object;
}
