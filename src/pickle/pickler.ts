import { LtrainError } from "../errors.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { depthOf, MAX_DEPTH } from "./depth.js";
import { PickleWriter } from "./pickleWriter.js";
import { PyComplex, PyDict, PyFloat, PyGlobal, PyObject, PySet, PyStorage, PyTuple } from "./values.js";
import type { PyValue } from "./values.js";

/** A call that a reader makes to rebuild something: `callable(*args)`. */
export interface Reduction {
  readonly callable: PyGlobal;
  readonly args: PyTuple;
}

/** How the things that only torch knows are written. */
export interface PickleOptions {
  /** The persistent id of a storage. */
  readonly persistentId?: (storage: PyStorage) => PyTuple;
  /** The call that rebuilds a tensor; its arguments hold a PyStorage. */
  readonly reduceTensor?: (tensor: StoredTensor) => Reduction;
}

/** The value as a protocol 2 pickle, memoised as CPython's C pickler does. */
export function pickle(value: PyValue, options: PickleOptions = {}): Uint8Array {
  if (depthOf(value) > MAX_DEPTH) {
    throw new LtrainError(
      "argument.invalid",
      `containers lie more than ${MAX_DEPTH} deep in each other; Python could not read them`,
    );
  }
  return new Pickler(options).dump(value);
}

/** Python puts so many items into one APPENDS or SETITEMS. */
const BATCH = 1000;
const PROTOCOL = 2;

/** Protocol 2 spells modules and names as Python 2 did. */
const MODULES_2: ReadonlyMap<string, string> = new Map([
  ["builtins", "__builtin__"],
  ["copyreg", "copy_reg"],
]);
const NAMES_2: ReadonlyMap<string, string> = new Map([
  ["range", "xrange"],
  ["str", "unicode"],
  ["int", "long"],
]);

const DICT_CLASSES = {
  OrderedDict: new PyGlobal("collections", "OrderedDict"),
  Counter: new PyGlobal("collections", "Counter"),
  defaultdict: new PyGlobal("collections", "defaultdict"),
} as const;
const SET = new PyGlobal("builtins", "set");
const FROZENSET = new PyGlobal("builtins", "frozenset");
const COMPLEX = new PyGlobal("builtins", "complex");
const GETATTR = new PyGlobal("builtins", "getattr");
const ENCODE = new PyGlobal("_codecs", "encode");
const NEWOBJ_EX = new PyGlobal("copyreg", "__newobj_ex__");
const EMPTY_TUPLE = new PyTuple([]);

class Pickler {
  readonly #out = new PickleWriter();
  readonly #options: PickleOptions;
  /** Objects by identity; strings by value, for JavaScript knows no other. */
  readonly #memo = new Map<unknown, number>();
  readonly #globals = new Map<string, number>();
  #memoSize = 0;

  constructor(options: PickleOptions) {
    this.#options = options;
  }

  dump(value: PyValue): Uint8Array {
    this.#out.op("PROTO");
    this.#out.u8(PROTOCOL);
    this.#save(value);
    this.#out.op("STOP");
    return this.#out.bytes;
  }

  #save(value: PyValue): void {
    const out = this.#out;
    if (value === null) out.op("NONE");
    else if (typeof value === "boolean") out.op(value ? "NEWTRUE" : "NEWFALSE");
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "bigint") out.int(value);
    else if (value instanceof PyFloat) this.#float(value.value);
    else if (value instanceof PyGlobal) this.#global(value);
    else if (value instanceof PyTuple && value.items.length === 0) out.op("EMPTY_TUPLE");
    else if (!this.#recall(this.#memo.get(value))) {
      if (typeof value === "string") this.#text(value);
      else if (value instanceof PyTuple) this.#tuple(value);
      else if (Array.isArray(value)) this.#list(value);
      else if (value instanceof PyDict) this.#dict(value);
      else if (value instanceof PyStorage) this.#storage(value);
      else if (value instanceof StoredTensor) this.#tensor(value);
      else if (value instanceof PyObject) this.#object(value, value);
      else if (value instanceof PySet)
        this.#call(value, value.frozen ? FROZENSET : SET, new PyTuple([[...value.items]]));
      else if (value instanceof PyComplex) {
        this.#call(value, COMPLEX, new PyTuple([new PyFloat(value.real), new PyFloat(value.imag)]));
      } else if (value instanceof Uint8Array) {
        this.#call(value, ENCODE, new PyTuple([Buffer.from(value).toString("latin1"), "latin1"]));
      } else {
        value satisfies never;
        throw new TypeError(`a ${typeof value} has no place in a pickle`);
      }
    }
  }

  /** An int; what cannot be one (1.5, NaN, -0) was meant as a float. */
  #number(value: number): void {
    if (Number.isInteger(value) && !Object.is(value, -0)) this.#out.int(value);
    else this.#float(value);
  }

  #float(value: number): void {
    this.#out.op("BINFLOAT");
    this.#out.f64(value);
  }

  #text(value: string): void {
    this.#out.text(value);
    this.#remember(value);
  }

  #global(global: PyGlobal): void {
    const key = `${global.module}\n${global.name}`;
    if (this.#recall(this.#globals.get(key))) return;
    if (/\n/.test(global.module + global.name)) {
      throw new LtrainError("argument.invalid", `a class cannot be named ${JSON.stringify(global.toString())}`);
    }
    const dot = global.name.lastIndexOf(".");
    if (dot > 0) {
      // Protocol 2 has no dotted names: the inner class is an attribute of the outer one.
      const outer = new PyGlobal(global.module, global.name.slice(0, dot));
      this.#reduce(GETATTR, new PyTuple([outer, global.name.slice(dot + 1)]));
    } else {
      this.#out.op("GLOBAL");
      this.#out.line(MODULES_2.get(global.module) ?? global.module);
      this.#out.line(global.module === "builtins" ? (NAMES_2.get(global.name) ?? global.name) : global.name);
    }
    this.#globals.set(key, this.#put());
  }

  #tuple(tuple: PyTuple): void {
    const out = this.#out;
    const { items } = tuple;
    if (items.length > 3) out.op("MARK");
    for (const item of items) this.#save(item);
    const known = this.#memo.get(tuple);
    if (known !== undefined) {
      // A list inside holds this very tuple, and has written it on the way.
      if (items.length > 3) out.op("POP_MARK");
      else for (let i = 0; i < items.length; i += 1) out.op("POP");
      this.#recall(known);
      return;
    }
    if (items.length === 1) out.op("TUPLE1");
    else if (items.length === 2) out.op("TUPLE2");
    else out.op(items.length === 3 ? "TUPLE3" : "TUPLE");
    this.#remember(tuple);
  }

  #list(list: readonly PyValue[]): void {
    this.#out.op("EMPTY_LIST");
    this.#remember(list);
    this.#appends(list);
  }

  #appends(list: readonly PyValue[]): void {
    const out = this.#out;
    if (list.length === 1) {
      this.#save(list[0] ?? null);
      out.op("APPEND");
      return;
    }
    for (let start = 0; start < list.length; start += BATCH) {
      out.op("MARK");
      for (const item of list.slice(start, start + BATCH)) this.#save(item);
      out.op("APPENDS");
    }
  }

  #dict(dict: PyDict): void {
    if (dict.kind === "Counter") {
      this.#call(dict, DICT_CLASSES.Counter, new PyTuple([new PyDict(dict)]));
    } else if (dict.kind === "dict") {
      this.#out.op("EMPTY_DICT");
      this.#remember(dict);
      this.#setItems(dict, true);
    } else {
      const args = dict.factory === undefined ? EMPTY_TUPLE : new PyTuple([dict.factory]);
      this.#call(dict, DICT_CLASSES[dict.kind], args);
      this.#setItems(dict, false);
    }
    if (dict.attributes === undefined || dict.kind === "dict") return;
    this.#save(dict.attributes);
    this.#out.op("BUILD");
  }

  /** `exact`: a dict proper; for its relatives CPython writes a last single pair without a mark. */
  #setItems(dict: PyDict, exact: boolean): void {
    const out = this.#out;
    let left = dict.size;
    let inBatch = 0;
    for (const [key, value] of dict) {
      const single = inBatch === 0 && left === 1 && (!exact || dict.size === 1);
      if (inBatch === 0 && !single) out.op("MARK");
      this.#save(key);
      this.#save(value);
      left -= 1;
      inBatch += 1;
      if (single) out.op("SETITEM");
      else if (inBatch === BATCH || left === 0) {
        out.op("SETITEMS");
        inBatch = 0;
      }
    }
  }

  #storage(storage: PyStorage): void {
    if (this.#options.persistentId === undefined) throw new TypeError("a storage needs persistentId to be pickled");
    this.#save(this.#options.persistentId(storage));
    this.#out.op("BINPERSID");
  }

  #tensor(tensor: StoredTensor): void {
    if (tensor.origin instanceof PyObject) {
      this.#object(tensor.origin, tensor);
      return;
    }
    if (this.#options.reduceTensor === undefined) throw new TypeError("a tensor needs reduceTensor to be pickled");
    const { callable, args } = this.#options.reduceTensor(tensor);
    this.#call(tensor, callable, args);
  }

  /** Write what made an object; it is remembered as `identity`. */
  #object(object: PyObject, identity: PyValue): void {
    if (object.kwargs !== undefined) {
      this.#reduce(NEWOBJ_EX, new PyTuple([object.callable, object.args, object.kwargs]));
    } else {
      this.#save(object.callable);
      this.#save(object.args);
      this.#out.op(object.how === "newobj" ? "NEWOBJ" : "REDUCE");
    }
    this.#remember(identity);
    this.#appends(object.listItems);
    this.#setItems(object.dictItems, false);
    if (object.state === undefined) return;
    this.#save(object.state);
    this.#out.op("BUILD");
  }

  #call(identity: PyValue, callable: PyGlobal, args: PyTuple): void {
    this.#reduce(callable, args);
    this.#remember(identity);
  }

  #reduce(callable: PyGlobal, args: PyTuple): void {
    this.#save(callable);
    this.#save(args);
    this.#out.op("REDUCE");
  }

  #remember(value: unknown): void {
    this.#memo.set(value, this.#put());
  }

  #put(): number {
    const index = this.#memoSize;
    this.#memoSize += 1;
    this.#indexed("BINPUT", "LONG_BINPUT", index);
    return index;
  }

  #recall(index: number | undefined): boolean {
    if (index === undefined) return false;
    this.#indexed("BINGET", "LONG_BINGET", index);
    return true;
  }

  #indexed(short: "BINPUT" | "BINGET", long: "LONG_BINPUT" | "LONG_BINGET", index: number): void {
    if (index <= 0xff) {
      this.#out.op(short);
      this.#out.u8(index);
    } else {
      this.#out.op(long);
      this.#out.u32(index);
    }
  }
}
