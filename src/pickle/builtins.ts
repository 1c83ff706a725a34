import { asItems } from "./convert.js";
import type { PickleMachine, Rebuild } from "./machine.js";
import { PyComplex, PyDict, PyFloat, PyGlobal, PyObject, PySet, PyTuple } from "./values.js";
import type { PyDictKind, PyValue } from "./values.js";

type Builtin = (m: PickleMachine, args: readonly PyValue[]) => PyValue | undefined;

/** Python's own containers and numbers that pickle writes as a call; everything else stays symbolic. */
const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ["collections.OrderedDict", (m, args) => dict(m, args, "OrderedDict")],
  ["collections.Counter", (m, args) => dict(m, args, "Counter")],
  ["collections.defaultdict", defaultDict],
  ["builtins.dict", (m, args) => dict(m, args, "dict")],
  ["builtins.list", (m, args) => items(m, args)?.slice()],
  ["builtins.set", (m, args) => set(m, args, false)],
  ["builtins.frozenset", (m, args) => set(m, args, true)],
  ["builtins.complex", complex],
  ["builtins.bytes", (_, args) => (args.length === 0 ? new Uint8Array(0) : undefined)],
  ["builtins.bytearray", byteArray],
  ["builtins.getattr", attribute],
  ["_codecs.encode", encode],
  ["copyreg._reconstructor", reconstruct],
]);

/** How calls of one of Python's own are rebuilt, undefined for any other name. */
export function rebuildBuiltin(m: PickleMachine, global: PyGlobal): Rebuild | undefined {
  const rebuild = BUILTINS.get(global.toString());
  return rebuild === undefined ? undefined : (args) => rebuild(m, args);
}

/** The items of a container's only argument; none when there is no argument. */
function items(m: PickleMachine, args: readonly PyValue[]): readonly PyValue[] | undefined {
  if (args.length > 1) return undefined;
  const first = args[0];
  const found = first === undefined ? [] : first instanceof PySet ? first.items : asItems(first);
  m.spend(found?.length ?? 0);
  return found;
}

/** OrderedDict(), OrderedDict([[key, value], ...]) as Python 2 wrote it, Counter({...}). */
function dict(m: PickleMachine, args: readonly PyValue[], kind: PyDictKind): PyDict | undefined {
  if (args.length === 0) return new PyDict(undefined, kind); // torch gives every tensor one
  const first = args[0];
  if (args.length === 1 && first instanceof PyDict) {
    m.spend(first.size);
    for (const [key] of first) m.spendKey(key);
    return new PyDict(first, kind);
  }
  const pairs = items(m, args);
  if (pairs === undefined) return undefined;
  const result = new PyDict([], kind);
  for (const pair of pairs) {
    const [key, value, more] = asItems(pair) ?? [];
    if (key === undefined || value === undefined || more !== undefined)
      throw m.malformed(`builds ${kind} from something that is not pairs`);
    m.spendKey(key);
    result.set(key, value);
  }
  return result;
}

function defaultDict(m: PickleMachine, args: readonly PyValue[]): PyDict | undefined {
  const [factory, ...rest] = args;
  const result = dict(m, rest, "defaultdict");
  if (result !== undefined && factory !== undefined) result.factory = factory;
  return result;
}

function set(m: PickleMachine, args: readonly PyValue[], frozen: boolean): PySet | undefined {
  const found = items(m, args);
  for (const item of found ?? []) m.spendKey(item);
  return found === undefined ? undefined : new PySet(found, frozen);
}

function complex(_: PickleMachine, args: readonly PyValue[]): PyComplex | undefined {
  const [real, imag, more] = args;
  if (more !== undefined || !(real instanceof PyFloat) || !(imag instanceof PyFloat)) return undefined;
  return new PyComplex(real.value, imag.value);
}

/** A bytearray stays a call, so that it is written again as one; called with a number it would be so many zeros. */
function byteArray(m: PickleMachine, args: readonly PyValue[]): undefined {
  const [first] = args;
  if (typeof first === "number" || typeof first === "bigint") throw m.malformed(`makes a bytearray of ${first} zeros`);
}

/** Protocol 2 names a class inside a class as an attribute of it; the name is all that is made of it. */
function attribute(m: PickleMachine, args: readonly PyValue[]): PyGlobal | undefined {
  const [owner, name] = args;
  if (!(owner instanceof PyGlobal) || typeof name !== "string" || args.length !== 2) return undefined;
  return m.global(owner.module, `${owner.name}.${name}`);
}

/**
 * Protocols 0 and 1 write an object as `_reconstructor(cls, base, value)`, which later ones write as `cls.__new__(cls)`,
 * or with the value of the base behind it.
 */
function reconstruct(m: PickleMachine, args: readonly PyValue[]): PyObject | undefined {
  const [callable, base, value, more] = args;
  if (!(callable instanceof PyGlobal) || !(base instanceof PyGlobal) || value === undefined || more !== undefined)
    return undefined;
  const made = (...given: PyValue[]): PyObject => new PyObject(callable, new PyTuple(given), { how: "newobj" });
  const name = base.toString();
  if (name === "builtins.object") return value === null ? made() : undefined;
  // A namedtuple, nearly always: its fields are its items.
  if (name === "builtins.tuple" && value instanceof PyTuple) return new PyObject(callable, value, { how: "newobj" });
  const object = made();
  if (name === "builtins.list" && Array.isArray(value)) {
    m.spend(value.length);
    for (const item of value) object.listItems.push(item);
    return object;
  }
  if (name === "builtins.dict" && value instanceof PyDict) {
    m.spend(value.size);
    for (const [key, item] of value) {
      m.spendKey(key);
      object.dictItems.set(key, item);
    }
    return object;
  }
  return /^builtins\.(?:int|float|str|bytes)$/.test(name) ? made(value) : undefined;
}

/** Protocol 2 has no bytes: each byte is the character of its number, "encoded" as latin-1. */
function encode(m: PickleMachine, args: readonly PyValue[]): Uint8Array | undefined {
  const [text, encoding] = args;
  if (typeof text !== "string" || args.length !== 2 || (encoding !== "latin1" && encoding !== "latin-1"))
    return undefined;
  m.spend(text.length);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit > 0xff) throw m.malformed("encodes a character as latin-1 that latin-1 does not have");
    bytes[i] = unit;
  }
  return bytes;
}
