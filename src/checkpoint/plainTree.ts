import { LtrainError } from "../errors.js";
import { depthOf, MAX_DEPTH } from "../pickle/depth.js";
import { PyDict, PyGlobal, PyObject, PySet, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { isWeightsOnlyGlobal } from "../serialization/weightsOnly.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { plainObject } from "./plainObject.js";
import type { PlainConverter } from "./plainObject.js";
import { pythonRepr } from "./pythonRepr.js";
import { childrenOf, keyStep, ROOT_PATH } from "./treePaths.js";
import type { Child } from "./treePaths.js";

/** One value that torch.load(weights_only=True) would refuse, and what stands for it now. */
export interface PlainNote {
  readonly path: string;
  /** The class or function that the file names: "argparse.Namespace". */
  readonly className: string;
  /** In a word or two: "a dict", "the string 'a/b'". */
  readonly became: string;
}

/** A tree that torch.load(weights_only=True) accepts, and what had to be changed for that. */
export interface PlainTree {
  readonly root: PyValue;
  readonly notes: readonly PlainNote[];
}

/** Numbers of all ranges together: one takes a few bytes in the file, and a list of ten thousand here. */
const MAX_SPELLED_OUT = 1 << 20;

/** Longer ints are written in a form that weights_only=True refuses: LONG1 has at most 255 bytes. */
const MAX_INT_BITS = 2040n;

/**
 * The same tree in plain data: tensors, dicts, lists, tuples, sets, strings and numbers. What torch accepts stays as it
 * is, with its sharing and its cycles; everything else becomes the plain value that stands for it. Nothing is called.
 * `tensors` says which tensors are replaced by others.
 */
export function plainTree(root: PyValue, tensors: ReadonlyMap<StoredTensor, StoredTensor> = new Map()): PlainTree {
  if (depthOf(root) > MAX_DEPTH) {
    throw new LtrainError("checkpoint.unsupported", `containers lie more than ${MAX_DEPTH} deep in each other`);
  }
  const converter = new Converter(tensors);
  return { root: converter.convert(root, ""), notes: converter.notes };
}

/** Turns values into plain ones and remembers each, so that what is shared stays shared and a cycle ends. */
class Converter implements PlainConverter {
  readonly notes: PlainNote[] = [];
  readonly #known = new Map<object, PyValue>();
  #spelledOut = 0;
  readonly #tensors: ReadonlyMap<StoredTensor, StoredTensor>;

  constructor(tensors: ReadonlyMap<StoredTensor, StoredTensor>) {
    this.#tensors = tensors;
  }

  convert(value: PyValue, path: string): PyValue {
    if (typeof value === "bigint") return this.#int(value, path);
    if (typeof value !== "object" || value === null) return value;
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    if (Array.isArray(value)) return this.fill(this.remember(value, []), value, path);
    if (value instanceof PyTuple) return this.#tuple(value, path);
    if (value instanceof PyDict) return this.#dict(value, path);
    if (value instanceof PySet) return this.#set(value, path);
    if (value instanceof PyGlobal) return this.#global(value, path);
    if (value instanceof StoredTensor) {
      return this.remember(value, this.#tensor(this.#tensors.get(value) ?? value, path));
    }
    if (value instanceof PyObject) return this.#object(value, path);
    return value;
  }

  note<Value extends PyValue>(path: string, className: string, became: string, value: Value): Value {
    this.notes.push({ path: path === "" ? ROOT_PATH : path, className, became });
    return value;
  }

  remember<Value extends PyValue>(value: object, plain: Value): Value {
    this.#known.set(value, plain);
    return plain;
  }

  hasRoom(numbers: number): boolean {
    if (this.#spelledOut + numbers > MAX_SPELLED_OUT) return false;
    this.#spelledOut += numbers;
    return true;
  }

  fill(list: PyValue[], items: readonly PyValue[], path: string): PyValue[] {
    items.forEach((item, index) => list.push(this.convert(item, `${path}[${index}]`)));
    return list;
  }

  setEntries(target: PyDict, entries: PyDict, path: string): void {
    for (const [key, item] of entries) {
      const plainKey = this.#key(key, path);
      target.set(
        target.has(plainKey) ? pythonRepr(key) : plainKey,
        this.convert(item, path + keyStep(key, path === "")),
      );
    }
  }

  #int(value: bigint, path: string): PyValue {
    const isShort = BigInt.asIntN(Number(MAX_INT_BITS), value) === value;
    return isShort
      ? value
      : this.note(path, "int", "a string: torch reads no int of more than 255 bytes", String(value));
  }

  #tuple(value: PyTuple, path: string): PyTuple {
    const items: PyValue[] = [];
    const tuple = this.remember(value, new PyTuple(items)); // filled later: a list inside may hold this very tuple
    value.items.forEach((item, index) => items.push(this.convert(item, `${path}[${index}]`)));
    return tuple;
  }

  #dict(value: PyDict, path: string): PyDict {
    const isPlain = value.kind !== "defaultdict";
    const dict = this.remember(value, new PyDict([], isPlain ? value.kind : "dict"));
    if (!isPlain) this.note(path, "collections.defaultdict", "a dict", dict);
    this.setEntries(dict, value, path);
    // torch sets attributes on an OrderedDict, and on no other dict.
    if (value.attributes !== undefined && dict.kind === "OrderedDict") {
      dict.attributes = new PyDict();
      for (const [key, item] of value.attributes) {
        dict.attributes.set(this.#key(key, path), this.convert(item, path + keyStep(key, false)));
      }
    }
    return dict;
  }

  #set(value: PySet, path: string): PySet {
    const set = new PySet(value.items.map((item) => this.#key(item, path)));
    if (value.frozen) this.note(path, "builtins.frozenset", "a set", set);
    return this.remember(value, set);
  }

  #global(value: PyGlobal, path: string): PyValue {
    if (isWeightsOnlyGlobal(value)) return value;
    return this.note(path, value.toString(), "its name, a string", value.toString());
  }

  /** Something that Python can hash: a dict's key, or an item of a set. */
  #key(key: PyValue, path: string): PyValue {
    if (key instanceof PySet) return new PyTuple(key.items.map((item) => this.#key(item, path)));
    if (key instanceof PyTuple) return new PyTuple(key.items.map((item) => this.#key(item, path)));
    if (!(key instanceof PyObject)) return this.convert(key, path);
    const plain = this.convert(key, path + keyStep(key, false));
    return isHashable(plain) ? plain : pythonRepr(key);
  }

  /** A tensor is its numbers; what made it a Parameter or a subclass stays if torch accepts it. */
  #tensor(tensor: StoredTensor, path: string): StoredTensor {
    if (!(tensor.origin instanceof PyObject)) return tensor;
    const foreign = foreignNames(tensor.origin);
    if (foreign.length === 0) return tensor;
    const { dtype, shape, stride, storageOffset, storage, requiresGrad } = tensor;
    const { conjugate, negative, device, quantizer } = tensor;
    const view = { dtype, shape, stride, storageOffset, storage, requiresGrad };
    const plain = new StoredTensor({ ...view, conjugate, negative, device, quantizer });
    return this.note(path, foreign.join(", "), "a plain tensor", plain);
  }

  #object(object: PyObject, path: string): PyValue {
    if (foreignNames(object).length === 0) return this.#call(object, path);
    return plainObject(object, path, this);
  }

  /** A call that torch makes itself (sparse tensors, sizes, devices), with plain arguments. */
  #call(object: PyObject, path: string): PyObject {
    const args = this.convert(object.args, path);
    const options = object.kwargs === undefined ? {} : { kwargs: object.kwargs };
    const call = this.remember(object, new PyObject(object.callable, args, { how: object.how, ...options }));
    if (object.state !== undefined) call.state = this.convert(object.state, path);
    return call;
  }
}

/** Keys of dicts: what Python compares by value. */
function isHashable(value: PyValue): boolean {
  if (value instanceof PyTuple) return value.items.every(isHashable);
  return typeof value !== "object" || value === null || value instanceof Uint8Array || value instanceof PyGlobal;
}

/** Names that stop torch from making this very object: its class, or one among its arguments. */
function foreignNames(object: PyObject): string[] {
  const found = new Set<string>();
  const seen = new Set<PyValue>();
  const visit = (value: PyValue): void => {
    if (seen.has(value)) return;
    seen.add(value);
    if (value instanceof PyGlobal && !isWeightsOnlyGlobal(value)) found.add(value.toString());
    const inner: readonly Child[] = value instanceof PyObject ? callOf(value) : childrenOf(value);
    for (const child of inner) visit(child.value);
  };
  visit(object);
  return [...found];
}

/** A call's callable and arguments, and its state; items set on an object are for its own class only. */
function callOf({ callable, args, state, listItems, dictItems }: PyObject): Child[] {
  const items = listItems.length + dictItems.size > 0 ? [new PyGlobal("builtins", "object")] : [];
  return [callable, args, ...(state === undefined ? [] : [state]), ...items].map((value) => ({ step: "", value }));
}
