import { LtrainError } from "../errors.js";
import { pythonComplex, pythonFloat } from "../pickle/pythonFloat.js";
import { PyComplex, PyFloat, PyGlobal, PyObject, PySet, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { elementTexts, knownValueOf } from "../serialization/knownValue.js";
import { numpyArrayOf } from "../serialization/numpyArray.js";
import type { NumpyArray } from "../serialization/numpyArray.js";
import { StoredTensor } from "../storage/storedTensor.js";

/** Deeper than this, a container is shown as "..."; no one reads further on a line. */
const MAX_SHOWN_DEPTH = 8;
/** A container shows this many items on a line. */
const MAX_SHOWN_ITEMS = 20;

/** And so many in all: what is shared is shown again wherever it is, and ten lists in each other can be 10^10 items. */
const MAX_SHOWN_IN_ALL = 500;

/** A value on one line as Python's repr would print it; tensors and foreign objects in short, cycles as "...". */
export function describeValue(value: PyValue): string {
  return describe(value, 0, { left: MAX_SHOWN_IN_ALL });
}

/** How many items may still be shown. */
interface Budget {
  left: number;
}

function describe(value: PyValue, depth: number, budget: Budget): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value === "string") return pythonString(value);
  if (value instanceof PyFloat) return pythonFloat(value.value);
  if (value instanceof Uint8Array) return `<${value.byteLength} bytes>`;
  if (value instanceof StoredTensor) return `tensor(${value.dtype} [${value.shape.join(", ")}])`;
  if (value instanceof PyComplex) return pythonComplex(value.real, value.imag);
  if (value instanceof PyStorage) return "<storage>";
  if (value instanceof PyGlobal) return `<${value.toString()}>`;
  if (depth >= MAX_SHOWN_DEPTH || budget.left <= 0) return "...";
  const inner = (item: PyValue): string => describe(item, depth + 1, budget);
  const listed = <T>(items: Iterable<T>, each: (item: T) => string): string => listItems(items, each, budget);
  if (value instanceof PyObject) return describeObject(value, inner, listed);
  if (Array.isArray(value)) return `[${listed(value, inner)}]`;
  if (value instanceof PyTuple) return `(${listed(value.items, inner)}${value.items.length === 1 ? "," : ""})`;
  if (value instanceof PySet) return describeSet(value, listed(value.items, inner));
  return `{${listed(value, ([key, item]) => `${inner(key)}: ${inner(item)}`)}}`;
}

function describeSet({ frozen, size }: PySet, items: string): string {
  if (frozen) return size === 0 ? "frozenset()" : `frozenset({${items}})`;
  return size === 0 ? "set()" : `{${items}}`;
}

/** A numpy array of numbers, texts or records that a pickle holds; undefined for one of objects, and for a call that lies. */
export function shownArray(value: PyObject): NumpyArray | undefined {
  try {
    const array = numpyArrayOf(value);
    return array?.items === undefined ? array : undefined;
  } catch (error) {
    if (error instanceof LtrainError) return undefined;
    throw error;
  }
}

/** `float32 [2, 3]`; a dtype that torch does not have as numpy spells it. */
export function arrayText({ tensor, type, shape }: NumpyArray): string {
  return `${tensor?.dtype ?? type.text} [${shape.join(", ")}]`;
}

/**
 * `pathlib.PosixPath('a/b')`, `numpy.float64(1.5)` where the class is known; else what the pickle says, not what it would
 * make: `<argparse.Namespace() {'lr': 0.1}>`.
 */
function describeObject(
  value: PyObject,
  inner: (item: PyValue) => string,
  listed: (items: readonly PyValue[], each: (item: PyValue) => string) => string,
): string {
  const known = knownValueOf(value);
  if (known !== undefined) {
    const isNumber = /^numpy\.(?:bool|u?int|float|complex)\d*$/.test(known.type);
    return `${known.type}(${isNumber ? known.text : pythonString(known.text)})`;
  }
  const array = shownArray(value);
  if (array !== undefined) {
    const elements = elementTexts(array, MAX_SHOWN_ITEMS + 1);
    return `numpy.ndarray(${arrayText(array)}${elements.length === 0 ? "" : `, [${listed(elements, inner)}]`})`;
  }
  const args = value.args instanceof PyTuple ? listed(value.args.items, inner) : "";
  const items = value.listItems.length > 0 ? ` ${inner(value.listItems)}` : "";
  const entries = value.dictItems.size > 0 ? ` ${inner(value.dictItems)}` : "";
  const state = value.state === undefined ? "" : ` ${inner(value.state)}`;
  return `<${className(value)}(${args})${items}${entries}${state}>`;
}

function listItems<T>(items: Iterable<T>, describeItem: (item: T) => string, budget: Budget): string {
  const shown: string[] = [];
  for (const item of items) {
    if (shown.length === MAX_SHOWN_ITEMS || budget.left <= 0) {
      shown.push("...");
      break;
    }
    budget.left -= 1;
    shown.push(describeItem(item));
  }
  return shown.join(", ");
}

/** A string as Python's repr quotes it: single quotes unless that would need escapes. */
export function pythonString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll(quote, `\\${quote}`)
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t")
    // eslint-disable-next-line no-control-regex -- the very characters that Python escapes
    .replace(/[\u0000-\u001f\u007f]/g, (unit) => `\\x${unit.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return quote + escaped + quote;
}

/** The class a foreign object says it is of, as far as its pickle tells. */
export function className(value: PyObject): string {
  return value.callable instanceof PyGlobal ? value.callable.toString() : "foreign";
}
