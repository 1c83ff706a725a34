import type { StoredTensor } from "../storage/storedTensor.js";

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
  | Uint8Array
  | PyValue[]
  | PyTuple
  | PyDict
  | PySet
  | PyGlobal
  | PyObject
  | StoredTensor;

/** A Python float: JavaScript alone cannot tell 1.0 from 1. */
export class PyFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
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
  readonly items: readonly PyValue[];
  readonly frozen: boolean;
  constructor(items: readonly PyValue[], frozen = false) {
    this.items = items;
    this.frozen = frozen;
  }
}

/** A class or function that the pickle names; it stays a name. */
export class PyGlobal {
  readonly module: string;
  readonly name: string;
  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }
}

/** An object of a class that is not rebuilt: what was called with which arguments, and what was set on it after. */
export class PyObject {
  readonly callable: PyValue;
  readonly args: PyValue;
  /** What BUILD gave it, if anything did. */
  state: PyValue | undefined;
  /** What APPENDS gave it. */
  readonly listItems: PyValue[] = [];
  /** What SETITEMS gave it. */
  readonly dictItems = new PyDict();
  constructor(callable: PyValue, args: PyValue) {
    this.callable = callable;
    this.args = args;
  }
}

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
  readonly #entries = new Map<unknown, [PyValue, PyValue]>();

  constructor(entries: Iterable<readonly [PyValue, PyValue]> = [], kind: PyDictKind = "dict") {
    this.kind = kind;
    for (const [key, value] of entries) this.set(key, value);
  }

  /** A dict with string keys from a plain object. */
  static from(object: Readonly<Record<string, PyValue>>, kind: PyDictKind = "dict"): PyDict {
    return new PyDict(Object.entries(object), kind);
  }

  get size(): number {
    return this.#entries.size;
  }
  get(key: PyValue): PyValue | undefined {
    return this.#entries.get(identityOf(key))?.[1];
  }
  has(key: PyValue): boolean {
    return this.#entries.has(identityOf(key));
  }
  /** As in Python, a key that is there keeps its place and its first spelling. */
  set(key: PyValue, value: PyValue): this {
    const identity = identityOf(key);
    const entry = this.#entries.get(identity);
    if (entry === undefined) this.#entries.set(identity, [key, value]);
    else entry[1] = value;
    return this;
  }
  delete(key: PyValue): boolean {
    return this.#entries.delete(identityOf(key));
  }
  keys(): PyValue[] {
    return [...this.#entries.values()].map(([key]) => key);
  }
  values(): PyValue[] {
    return [...this.#entries.values()].map(([, value]) => value);
  }
  entries(): IterableIterator<[PyValue, PyValue]> {
    return this.#entries.values();
  }
  [Symbol.iterator](): IterableIterator<[PyValue, PyValue]> {
    return this.#entries.values();
  }
}

/** What a JavaScript Map can compare in place of a Python key. */
function identityOf(key: PyValue): unknown {
  if (typeof key === "boolean") return key ? 1 : 0;
  if (typeof key === "bigint" && BigInt(Number(key)) === key) return Number(key);
  if (key instanceof PyFloat) return key.value;
  if (key instanceof PyTuple) return `(${key.items.map((item) => describeIdentity(identityOf(item))).join()})`;
  if (typeof key === "string") return `'${key}`;
  return key;
}

const objectNumbers = new WeakMap<object, number>();
let nextObjectNumber = 0;

function describeIdentity(identity: unknown): string {
  if (typeof identity !== "object" || identity === null) return JSON.stringify(String(identity)) + typeof identity;
  const known = objectNumbers.get(identity) ?? (nextObjectNumber += 1);
  objectNumbers.set(identity, known);
  return `#${known}`;
}
