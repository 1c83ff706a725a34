import { StoredTensor } from "../storage/storedTensor.js";
import { omegaContent } from "./omegaConf.js";
import { PyComplex, PyDict, PyFloat, PyGlobal, PyObject, PySet, PyStorage, PyTuple } from "./values.js";
import type { PyValue } from "./values.js";

/** A Python float, where a bare number would be an int. */
export function float(value: number): PyFloat {
  return new PyFloat(value);
}

/** A Python tuple of its arguments. */
export function tuple(...items: PyValue[]): PyTuple {
  return new PyTuple(items);
}

/** The number in an int, a big int or a float; undefined for everything else, booleans included. */
export function asNumber(value: PyValue | undefined): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  return value instanceof PyFloat ? value.value : undefined;
}

/** The items of a list or tuple; undefined for everything else. */
export function asItems(value: PyValue | undefined): readonly PyValue[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof PyTuple ? value.items : undefined;
}

/** Classes that are a dict by another name, or keep all they have in their attributes. */
const DICT_LIKE = new Set(["AttributeDict", "Namespace", "SimpleNamespace"]);

/**
 * A dict, or the entries of an object that is one under another name: Lightning's AttributeDict, argparse's Namespace,
 * OmegaConf's DictConfig.
 */
export function asDict(value: PyValue | undefined): PyDict | undefined {
  if (value instanceof PyDict) return value;
  if (!(value instanceof PyObject)) return undefined;
  if (value.dictItems.size > 0) return value.dictItems;
  const content = omegaContent(value);
  if (content instanceof PyDict) return content;
  if (!(value.callable instanceof PyGlobal) || !DICT_LIKE.has(value.callable.name)) return undefined;
  return value.state instanceof PyDict ? value.state : value.dictItems;
}

/**
 * The value in plain JavaScript: floats and ints are numbers, dicts are null-prototype objects (their keys as text),
 * tuples, lists and sets are arrays. What is shared stays shared, so a cycle in the file is a cycle here; tensors,
 * storages, globals and foreign objects stay what they are.
 */
export function toPlain(value: PyValue): unknown {
  const seen = new Map<PyValue, unknown>();
  const waiting: (() => void)[] = [];
  const convert = (item: PyValue): unknown => {
    if (item instanceof PyFloat) return item.value;
    if (typeof item !== "object" || item === null) return item;
    if (item instanceof PyDict) return remember(item, Object.create(null) as Record<string, unknown>, fillObject);
    const items = item instanceof PySet ? item.items : asItems(item);
    if (items === undefined) return item;
    return remember(item, [] as unknown[], (array) => {
      for (const each of items) array.push(convert(each));
    });
    function fillObject(object: Record<string, unknown>): void {
      for (const [key, entry] of item as PyDict) object[keyText(key)] = convert(entry);
    }
  };
  // Filling waits in a queue: a file may nest deeper than the JavaScript stack.
  const remember = <T>(item: PyValue, empty: T, fill: (target: T) => void): unknown => {
    const known = seen.get(item);
    if (known !== undefined) return known;
    seen.set(item, empty);
    waiting.push(() => {
      fill(empty);
    });
    return empty;
  };
  const result = convert(value);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) next();
  return result;
}

/** A dict key as the text of a JavaScript property: strings are themselves, `True` and `None` as Python prints them. */
export function keyText(key: PyValue): string {
  if (typeof key === "string") return key;
  if (key === null) return "None";
  if (typeof key === "boolean") return key ? "True" : "False";
  if (typeof key === "number" || typeof key === "bigint") return String(key);
  if (key instanceof PyFloat) return Number.isInteger(key.value) ? `${key.value}.0` : String(key.value);
  if (key instanceof PyGlobal) return key.toString();
  if (key instanceof PyTuple)
    return `(${key.items.map((item) => (item instanceof PyTuple ? "(...)" : keyText(item))).join(", ")})`;
  if (key instanceof Uint8Array) return `b'${Buffer.from(key).toString("latin1")}'`;
  return "[object]";
}

/**
 * A Python value from plain JavaScript: an integer becomes an int, any other number a float, an array a list, a Map or
 * a plain object a dict. What is a PyValue already stays as it is; undefined members are left out.
 */
export function fromPlain(value: unknown): PyValue {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "bigint":
      return value;
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : new PyFloat(value);
    case "undefined":
      return null;
    case "object":
      return value === null ? null : fromObject(value);
    default:
      throw new TypeError(`a ${typeof value} has no place in a checkpoint`);
  }
}

const PY_CLASSES = [PyFloat, PyComplex, PyTuple, PyDict, PySet, PyGlobal, PyObject, PyStorage, StoredTensor] as const;

function isPyObject(value: object): value is InstanceType<(typeof PY_CLASSES)[number]> {
  return PY_CLASSES.some((each) => value instanceof each);
}

function fromObject(value: object): PyValue {
  if (isPyObject(value) || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(fromPlain);
  const entries: Iterable<readonly [unknown, unknown]> = value instanceof Map ? value : Object.entries(value);
  const dict = new PyDict();
  for (const [key, entry] of entries) if (entry !== undefined) dict.set(fromPlain(key), fromPlain(entry));
  return dict;
}
