import { keyText } from "../../src/pickle/convert.js";
import { PyDict, PyFloat, PyTuple, type PyValue } from "../../src/pickle/values.js";

/** A Python value as fixtures/optim/typed.py writes it: ints and floats, lists and tuples told apart, dicts in order. */
export type Typed =
  | null
  | boolean
  | string
  | readonly Typed[]
  | { readonly int: number }
  | { readonly float: number | string }
  | { readonly tuple: readonly Typed[] }
  | { readonly dict: readonly (readonly [Typed, Typed])[] }
  | { readonly Counter: readonly (readonly [Typed, Typed])[] };

/** Spell a value out. */
export function toTyped(value: PyValue): Typed {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return { int: value };
  if (value instanceof PyFloat)
    return { float: Number.isFinite(value.value) ? value.value : keyText(value).toLowerCase().replace("inity", "") };
  if (value instanceof PyTuple) return { tuple: value.items.map(toTyped) };
  if (Array.isArray(value)) return value.map(toTyped);
  if (!(value instanceof PyDict)) throw new TypeError("a value that has no place in a schedule's state");
  const entries = [...value].map(([key, item]) => [toTyped(key), toTyped(item)] as const);
  return value.kind === "Counter" ? { Counter: entries } : { dict: entries };
}

/** The value that was spelled out. */
export function fromTyped(typed: Typed): PyValue {
  if (typed === null || typeof typed !== "object") return typed;
  if (isList(typed)) return typed.map(fromTyped);
  if ("int" in typed) return typed.int;
  if ("float" in typed) return new PyFloat(typeof typed.float === "number" ? typed.float : infinity(typed.float));
  if ("tuple" in typed) return new PyTuple(typed.tuple.map(fromTyped));
  const entries = "dict" in typed ? typed.dict : typed.Counter;
  return new PyDict(
    entries.map(([key, item]) => [fromTyped(key), fromTyped(item)]),
    "dict" in typed ? "dict" : "Counter",
  );
}

/** The dict that was spelled out. */
export function dictOf(typed: Typed): PyDict {
  const dict = fromTyped(typed);
  if (!(dict instanceof PyDict)) throw new TypeError("not a dict");
  return dict;
}

function isList(typed: Typed): typed is readonly Typed[] {
  return Array.isArray(typed);
}

function infinity(text: string): number {
  return text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number.NaN;
}
