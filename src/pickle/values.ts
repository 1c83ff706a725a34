import { LtrainError } from "../errors.js";
import type { Storage, StoredTensor } from "../storage/storedTensor.js";

/**
 * What a pickle can hold, in words that keep Python's distinctions: an int is a `number` (a `bigint` beyond 2^53), a
 * float is a PyFloat, a list is an array, a tuple a PyTuple, a dict a PyDict. Nothing here can run.
 */
export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PyFloat
  | PyComplex
  | Uint8Array
  | PyValue[]
  | PyTuple
  | PyDict
  | PySet
  | PyGlobal
  | PyObject
  | PyStorage
  | StoredTensor;

/** A Python float: JavaScript alone cannot tell 1.0 from 1. */
export class PyFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A Python complex number. */
export class PyComplex {
  readonly real: number;
  readonly imag: number;
  constructor(real: number, imag: number) {
    this.real = real;
    this.imag = imag;
  }
}

/** A Python tuple. */
export class PyTuple {
  readonly items: readonly PyValue[];
  constructor(items: readonly PyValue[]) {
    this.items = items;
  }
}

/** A Python set or frozenset, in insertion order. */
export class PySet {
  readonly frozen: boolean;
  readonly #items = new Map<unknown, PyValue>();
  constructor(items: Iterable<PyValue>, frozen = false) {
    this.frozen = frozen;
    for (const item of items) this.add(item);
  }

  get items(): readonly PyValue[] {
    return [...this.#items.values()];
  }
  get size(): number {
    return this.#items.size;
  }
  has(item: PyValue): boolean {
    return this.#items.has(identityOf(item));
  }
  add(item: PyValue): this {
    const identity = identityOf(item);
    if (!this.#items.has(identity)) this.#items.set(identity, item);
    return this;
  }
}

/** A class or function that the pickle names; it stays a name. */
export class PyGlobal {
  readonly module: string;
  readonly name: string;
  #text: string | undefined;
  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }
  /** `module.name`, as Python prints it; put together once, however many objects are of the class. */
  toString(): string {
    return (this.#text ??= `${this.module}.${this.name}`);
  }
}

/** A torch storage that stands by itself in the file, without a tensor around it. */
export class PyStorage {
  /** torch.FloatStorage, torch.storage.UntypedStorage ... */
  readonly storageClass: PyGlobal;
  readonly storage: Storage;
  /** The device it was saved from: "cpu", "cuda:0". */
  readonly location: string;
  constructor(storageClass: PyGlobal, storage: Storage, location = "cpu") {
    this.storageClass = storageClass;
    this.storage = storage;
    this.location = location;
  }
}

/** An object of a class that is not rebuilt: what was called with which arguments, and what was set on it after. */
export class PyObject {
  readonly callable: PyValue;
  readonly args: PyValue;
  /** REDUCE calls it; NEWOBJ calls its `__new__`. */
  readonly how: "call" | "newobj";
  readonly kwargs: PyDict | undefined;
  /** What BUILD gave it, if anything did. */
  state: PyValue | undefined;
  /** What APPENDS gave it. */
  readonly listItems: PyValue[] = [];
  /** What SETITEMS gave it. */
  readonly dictItems = new PyDict();
  constructor(
    callable: PyValue,
    args: PyValue,
    options: { readonly how?: "call" | "newobj"; readonly kwargs?: PyDict } = {},
  ) {
    this.callable = callable;
    this.args = args;
    this.how = options.how ?? "call";
    this.kwargs = options.kwargs;
  }

  /** The class it is of, or the function that makes it: "pathlib.PosixPath". */
  get className(): string {
    const first = this.args instanceof PyTuple ? this.args.items[0] : undefined;
    const made = this.callable instanceof PyGlobal && MAKERS.has(this.callable.toString()) ? first : this.callable;
    if (made instanceof PyGlobal) return made.toString();
    return made instanceof PyObject ? `${made.className}(...)` : "object";
  }
}

/** Functions that make an object of the class that is their first argument. */
const MAKERS: ReadonlySet<string> = new Set([
  "copyreg._reconstructor",
  "copyreg.__newobj__",
  "copyreg.__newobj_ex__",
  "numpy._core.multiarray._reconstruct",
  "numpy.core.multiarray._reconstruct",
]);

/** The dicts that torch's files hold; Counter and OrderedDict survive a round trip. */
export type PyDictKind = "dict" | "OrderedDict" | "Counter" | "defaultdict";

/**
 * A Python dict: insertion order, any hashable key, and Python's idea of equal keys (1, 1.0 and True are one).
 * `__proto__` and `constructor` are keys like any other.
 */
export class PyDict {
  readonly kind: PyDictKind;
  /** Attributes set on the dict itself; torch puts `_metadata` on a state_dict this way. */
  attributes: PyDict | undefined;
  /** What a defaultdict makes its missing values with; it is never called. */
  factory: PyValue | undefined;
  /** By what Python compares; made when something is set, for torch's files hold an empty OrderedDict for every tensor. */
  #values: Map<unknown, PyValue> | undefined;
  /** Keys that are spelled otherwise than they are compared: True, 1.0, tuples. */
  #spellings: Map<unknown, PyValue> | undefined;

  constructor(entries?: Iterable<readonly [PyValue, PyValue]>, kind: PyDictKind = "dict") {
    this.kind = kind;
    if (entries !== undefined) for (const [key, value] of entries) this.set(key, value);
  }

  /** A dict with string keys from a plain object. */
  static from(object: Readonly<Record<string, PyValue>>, kind: PyDictKind = "dict"): PyDict {
    return new PyDict(Object.entries(object), kind);
  }

  get size(): number {
    return this.#values?.size ?? 0;
  }
  get(key: PyValue): PyValue | undefined {
    return this.#values?.get(identityOf(key));
  }
  has(key: PyValue): boolean {
    return this.#values?.has(identityOf(key)) ?? false;
  }
  /** The dict's own items, not a copy, where every key is a string; undefined where one is not. */
  get named(): ReadonlyMap<string, PyValue> | undefined {
    const values = this.#values ?? NOTHING;
    // A key that is no string is compared by what begins with this character, or is none here either.
    for (const key of values.keys()) if (typeof key !== "string" || key.charCodeAt(0) === 0) return undefined;
    return values as ReadonlyMap<string, PyValue>;
  }
  /** As in Python, a key that is there keeps its place and its first spelling. */
  set(key: PyValue, value: PyValue): this {
    const identity = identityOf(key);
    this.#values ??= new Map();
    if (identity !== key && !this.#values.has(identity)) {
      this.#spellings ??= new Map();
      this.#spellings.set(identity, key);
    }
    this.#values.set(identity, value);
    return this;
  }
  delete(key: PyValue): boolean {
    const identity = identityOf(key);
    this.#spellings?.delete(identity);
    return this.#values?.delete(identity) ?? false;
  }
  keys(): PyValue[] {
    return Array.from(this.entries(), ([key]) => key);
  }
  values(): PyValue[] {
    return [...(this.#values ?? NOTHING).values()];
  }
  entries(): IterableIterator<[PyValue, PyValue]> {
    const spellings = this.#spellings;
    // Without another spelling a key is what it is compared by.
    if (spellings === undefined) return (this.#values ?? NOTHING).entries() as IterableIterator<[PyValue, PyValue]>;
    return this.#spelled(spellings);
  }
  [Symbol.iterator](): IterableIterator<[PyValue, PyValue]> {
    return this.entries();
  }

  *#spelled(spellings: ReadonlyMap<unknown, PyValue>): Generator<[PyValue, PyValue]> {
    for (const [identity, value] of this.#values ?? NOTHING) {
      const spelling = spellings.get(identity);
      yield [spelling === undefined ? (identity as PyValue) : spelling, value];
    }
  }
}

const NOTHING: ReadonlyMap<unknown, PyValue> = new Map();

/** What a JavaScript Map can compare in place of a Python key; strings are themselves, the rest cannot collide with them. */
function identityOf(key: PyValue): unknown {
  if (typeof key === "string") return key.charCodeAt(0) === 0 ? `\0s${key}` : key;
  if (typeof key !== "object" || key === null) return numberIdentity(key);
  if (key instanceof PyFloat) return Number.isNaN(key.value) ? key : key.value;
  if (key instanceof PyGlobal) return `\0g${JSON.stringify([key.module, key.name])}`;
  if (key instanceof PyTuple || key instanceof Uint8Array) return `\0t${describeKey(key)}`;
  return key;
}

function numberIdentity(key: null | boolean | number | bigint | string): unknown {
  if (typeof key === "boolean") return key ? 1 : 0;
  return typeof key === "bigint" && BigInt(Number(key)) === key ? Number(key) : key;
}

const objectNumbers = new WeakMap<object, number>();
let nextObjectNumber = 0;

/** A tuple key has a few parts; one with more than this is meant to keep a reader busy. */
export const MAX_KEY_PARTS = 10_000;

/** A tuple, spelled out so that equal tuples have equal spellings. Iterative: a key can be nested deeper than our stack. */
function describeKey(root: PyValue): string {
  const parts: string[] = [];
  const waiting: (PyValue | typeof CLOSE)[] = [root];
  while (waiting.length > 0) {
    const item = waiting.pop() ?? null;
    if (parts.length > MAX_KEY_PARTS) {
      throw new LtrainError("checkpoint.malformed", `a dictionary key has more than ${MAX_KEY_PARTS} parts`);
    }
    if (item === CLOSE) parts.push(")");
    else if (item instanceof PyTuple) {
      parts.push("(");
      waiting.push(CLOSE);
      for (let i = item.items.length - 1; i >= 0; i -= 1) waiting.push(item.items[i] ?? null);
      if (item.items.length > MAX_KEY_PARTS) parts.length = MAX_KEY_PARTS + 1;
    } else if (item instanceof Uint8Array) parts.push(`b${Buffer.from(item).toString("base64")}`);
    else parts.push(describeAtom(identityOf(item)));
  }
  return parts.join();
}

const CLOSE = Symbol("end of a tuple");

function describeAtom(identity: unknown): string {
  if (typeof identity === "string") return JSON.stringify(identity);
  if (typeof identity !== "object" || identity === null) return String(identity);
  const known = objectNumbers.get(identity) ?? (nextObjectNumber += 1);
  objectNumbers.set(identity, known);
  return `#${known}`;
}
