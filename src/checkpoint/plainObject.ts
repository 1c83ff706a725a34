import { asItems } from "../pickle/convert.js";
import { PyComplex, PyDict, PyFloat, PyGlobal, PyObject, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { knownValueOf } from "../serialization/knownValue.js";
import { numpyArrayOf, numpyScalarOf } from "../serialization/numpyArray.js";
import { numpyTypeOf } from "../serialization/numpyType.js";
import { isWeightsOnlyGlobal } from "../serialization/weightsOnly.js";
import { decodeNumbers } from "../storage/decode.js";
import { describeValue } from "./describeValue.js";

/** Who turns what is in an object, and remembers what came of it. */
export interface PlainConverter {
  /** The plain value that stands for `value`, which is found at `path`. */
  convert(value: PyValue, path: string): PyValue;
  /** Say that `value` stands for something that the file has another class for. */
  note<Value extends PyValue>(path: string, className: string, became: string, value: Value): Value;
  /** From now on `plain` stands for `value`, also while it is still being filled. */
  remember<Value extends PyValue>(value: object, plain: Value): Value;
  /** Whether a list of so many numbers that the file only has a rule for may still be made. */
  hasRoom(numbers: number): boolean;
  /** Put the plain values of `items`, found at `path`, into `list`. */
  fill(list: PyValue[], items: readonly PyValue[], path: string): PyValue[];
  /** Set the entries of a dict, their keys made hashable plain values, on `target`. */
  setEntries(target: PyDict, entries: PyDict, path: string): void;
}

/** Where an object of a class that torch does not know is, and who turns what is in it. */
interface Place {
  readonly object: PyObject;
  readonly path: string;
  readonly converter: PlainConverter;
}

/** Turns one kind of object, or leaves it to the next. */
type Rule = (place: Place) => PyValue | undefined;

/** The plain value that stands for an object whose class torch.load(weights_only=True) refuses. */
export function plainObject(object: PyObject, path: string, converter: PlainConverter): PyValue {
  for (const rule of RULES) {
    const plain = rule({ object, path, converter });
    if (plain !== undefined) return converter.remember(object, plain);
  }
  return describedDict({ object, path, converter });
}

/** In order: what is known exactly, then what its pickle looks like. */
const RULES: readonly Rule[] = [
  withoutSubclass,
  numpyNumber,
  numpyArray,
  numpyDtype,
  seconds,
  text,
  omegaConf,
  namespaceOrDict,
  listLike,
  range,
  enumMember,
  namedTuple,
];

/** A tensor that is made of others and is of a subclass, or has attributes, that torch does not know: without them. */
function withoutSubclass({ object, path, converter }: Place): PyValue | undefined {
  if (!/^torch\._tensor\._rebuild_from_type(_v2)?$/.test(object.className)) return undefined;
  const [func, type, args] = asItems(object.args) ?? [];
  if (!(func instanceof PyGlobal) || !isWeightsOnlyGlobal(func) || !(args instanceof PyTuple)) return undefined;
  if (func.name.includes("wrapper_subclass")) return undefined; // its numbers are in its attributes
  const inner = converter.convert(new PyObject(func, args), path);
  return converter.note(path, type instanceof PyGlobal ? type.toString() : object.className, "a plain tensor", inner);
}

function numpyNumber({ object, path, converter }: Place): PyValue | undefined {
  const scalar = numpyScalarOf(object);
  const known = scalar && knownValueOf(object);
  if (scalar === undefined || known === undefined) return undefined;
  const plain = numberOf(known.text, known.type, scalar.type.dtype, scalar.bytes);
  return converter.note(path, known.type, describePlain(plain), plain);
}

function numberOf(
  text: string,
  type: string,
  dtype: Parameters<typeof decodeNumbers>[1] | undefined,
  bytes: Uint8Array,
): PyValue {
  if (dtype === undefined) return text;
  if (dtype === "bool") return bytes[0] !== 0;
  if (type.startsWith("numpy.int") || type.startsWith("numpy.uint")) {
    const exact = BigInt(text);
    return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
  }
  const [real = 0, imag] = decodeNumbers(bytes, dtype);
  return imag === undefined ? new PyFloat(real) : new PyComplex(real, imag);
}

function numpyArray({ object, path, converter }: Place): PyValue | undefined {
  const array = numpyArrayOf(object);
  if (array?.tensor !== undefined) {
    const { dtype, shape } = array.tensor;
    const became = `a tensor ${dtype} [${shape.join(", ")}]`;
    return converter.note(path, "numpy.ndarray", became, array.tensor);
  }
  if (array?.items === undefined) return undefined;
  const list = converter.note(path, "numpy.ndarray", `a list of ${array.items.length}`, []);
  return converter.fill(converter.remember(object, list), array.items, path);
}

function numpyDtype({ object, path, converter }: Place): PyValue | undefined {
  const type = numpyTypeOf(object);
  return type === undefined ? undefined : converter.note(path, "numpy.dtype", `the string '${type.text}'`, type.text);
}

/** A timedelta as `total_seconds()`. */
function seconds({ object, path, converter }: Place): PyValue | undefined {
  const [days, rest, micros] = asItems(object.args) ?? [];
  if (object.className !== "datetime.timedelta") return undefined;
  if (typeof days !== "number" || typeof rest !== "number" || typeof micros !== "number") return undefined;
  const total = new PyFloat(((days * 86_400 + rest) * 1e6 + micros) / 1e6);
  return converter.note(path, object.className, `its seconds, ${describePlain(total)}`, total);
}

/** Paths, dates, decimals, ids: what str() prints; a datetime as ISO 8601 has it. */
function text({ object, path, converter }: Place): PyValue | undefined {
  const known = knownValueOf(object);
  if (known === undefined) return undefined;
  const plain = known.type === "datetime.datetime" ? known.text.replace(" ", "T") : known.text;
  return converter.note(path, known.type, describePlain(plain), plain);
}

/** OmegaConf's containers hold nodes, and its nodes hold values; what is around them is of its own making. */
function omegaConf({ object, path, converter }: Place): PyValue | undefined {
  const { className, state } = object;
  if (!className.startsWith("omegaconf.") || !(state instanceof PyDict)) return undefined;
  const value = state.get("_val");
  if (value !== undefined) return converter.convert(value, path); // told by the container
  const content = state.get("_content");
  if (content === undefined) return undefined;
  if (content instanceof PyDict) {
    const dict = converter.note(path, className, "a dict", converter.remember(object, new PyDict()));
    converter.setEntries(dict, content, path);
    return dict;
  }
  const items = asItems(content);
  if (items === undefined)
    return converter.note(path, className, describePlain(content), converter.convert(content, path));
  return converter.fill(converter.note(path, className, "a list", converter.remember(object, [])), items, path);
}

/** Classes that keep all they have in their attributes. */
const NAMESPACES = /(?:^|\.)(?:argparse\.Namespace|types\.SimpleNamespace|Namespace)$/;

/** Namespaces and subclasses of dict (AttributeDict, EasyDict): a dict, if there is nothing else in them. */
function namespaceOrDict({ object, path, converter }: Place): PyValue | undefined {
  const { className, dictItems, listItems, state } = object;
  const attributes = state instanceof PyDict ? state : undefined;
  const isNamespace = NAMESPACES.test(className) && attributes !== undefined && dictItems.size === 0;
  // Attributes that are not the items again (as EasyDict has them) would be lost.
  const isDict = dictItems.size > 0 && (state === undefined || attributes?.keys().every((key) => dictItems.has(key)));
  const isEmptyDict = className.endsWith("AttributeDict") && state === undefined;
  if (listItems.length > 0 || !(isNamespace || isDict || isEmptyDict)) return undefined;
  const entries = isNamespace ? attributes : dictItems;
  const dict = converter.note(path, className, "a dict", converter.remember(object, new PyDict()));
  converter.setEntries(dict, entries, path);
  return dict;
}

/** deque, and subclasses of list. */
function listLike({ object, path, converter }: Place): PyValue | undefined {
  const { className, dictItems, listItems, state } = object;
  const isDeque = className === "collections.deque";
  if (dictItems.size > 0 || !(isDeque || (listItems.length > 0 && state === undefined))) return undefined;
  const first = isDeque ? (asItems(asItems(object.args)?.[0]) ?? []) : [];
  const items = [...first, ...listItems];
  const list = converter.note(path, className, `a list of ${items.length}`, converter.remember(object, []));
  return converter.fill(list, items, path);
}

/** A range of more numbers than this stays three numbers. */
const MAX_RANGE = 10_000;

function range({ object, path, converter }: Place): PyValue | undefined {
  if (object.className !== "builtins.range") return undefined;
  const [start, stop, step = 1] = asItems(object.args) ?? [];
  if (typeof start !== "number" || typeof stop !== "number" || typeof step !== "number" || step === 0) return undefined;
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= MAX_RANGE && converter.hasRoom(length))) return undefined;
  const list = Array.from({ length }, (_, i) => start + i * step);
  return converter.note(path, object.className, `a list of ${length}`, converter.remember(object, list));
}

/** A class called with one plain value, as a member of an Enum is: that value. */
function enumMember({ object, path, converter }: Place): PyValue | undefined {
  const items = asItems(object.args) ?? [];
  const [value] = items;
  if (object.how !== "call" || items.length !== 1 || hasMore(object) || !isClassName(object.className))
    return undefined;
  if (value === undefined || !isScalar(value)) return undefined;
  return converter.note(path, object.className, `its value, ${describePlain(value)}`, value);
}

/** A class made with `__new__` from arguments alone: a namedtuple is their tuple, a subclass of str or tuple the one. */
function namedTuple({ object, path, converter }: Place): PyValue | undefined {
  const { args, how } = object;
  if (how !== "newobj" || !(args instanceof PyTuple) || args.items.length === 0 || hasMore(object)) return undefined;
  const [only] = args.items;
  const isOne = args.items.length === 1 && only !== undefined && (isScalar(only) || only instanceof PyTuple);
  const plain = converter.convert(isOne ? only : args, path);
  return converter.note(path, object.className, plain instanceof PyTuple ? "a tuple" : describePlain(plain), plain);
}

/** Any other object: a dict of its attributes with the name of its class, and of whatever else its pickle gave it. */
function describedDict({ object, path, converter }: Place): PyDict {
  const { className, args, kwargs, state, listItems, dictItems } = object;
  const dict = converter.note(
    path,
    className,
    "a dict with its attributes and its __class__",
    converter.remember(object, new PyDict([["__class__", className]])),
  );
  const given = asItems(args) ?? [];
  // What makes an object of a class that is its first argument says nothing more than the class.
  const rest = object.callable instanceof PyGlobal && object.callable.toString() !== className ? given.slice(1) : given;
  if (rest.length > 0) dict.set("args", converter.convert([...rest], path));
  if (kwargs !== undefined && kwargs.size > 0) dict.set("kwargs", converter.convert(kwargs, path));
  if (listItems.length > 0) dict.set("items", converter.convert(listItems, path));
  if (dictItems.size > 0) dict.set("entries", converter.convert(dictItems, path));
  for (const attributes of attributesOf(state)) {
    if (attributes instanceof PyDict) {
      for (const [key, value] of attributes) {
        const name = typeof key === "string" ? key : describeValue(key);
        dict.set(name, converter.convert(value, `${path}.${name}`));
      }
    } else dict.set("state", converter.convert(attributes, `${path}.state`));
  }
  return dict;
}

/** A state is a dict, or a dict or None beside a dict of slots, or anything that only the class understands. */
function attributesOf(state: PyValue | undefined): PyValue[] {
  if (state === undefined) return [];
  if (state instanceof PyTuple && state.items.length === 2) {
    const [first = null, second] = state.items;
    if ((first === null || first instanceof PyDict) && second instanceof PyDict) {
      return first === null ? [second] : [first, second];
    }
  }
  return [state];
}

function hasMore({ state, listItems, dictItems, kwargs }: PyObject): boolean {
  return state !== undefined || listItems.length > 0 || dictItems.size > 0 || (kwargs !== undefined && kwargs.size > 0);
}

/** Classes begin with a capital letter, functions do not: `operator.itemgetter(1)` is no value 1. */
function isClassName(className: string): boolean {
  return /^_*[A-Z]/.test(className.slice(className.lastIndexOf(".") + 1));
}

function isScalar(value: PyValue): boolean {
  return ["string", "number", "bigint", "boolean"].includes(typeof value) || value instanceof PyFloat;
}

/** "the string 'a/b'", "the number 1.5": what a plain value is, on a line. */
function describePlain(value: PyValue): string {
  const shown = describeValue(value);
  if (typeof value === "string") return `the string ${shown.length > 60 ? `${shown.slice(0, 57)}...'` : shown}`;
  return typeof value === "boolean" ? `the bool ${shown}` : `the number ${shown}`;
}
