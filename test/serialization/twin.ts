import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bytesSource } from "../../src/io/byteSource.js";
import { keyText } from "../../src/pickle/convert.js";
import { PyComplex, PyDict, PyFloat, PyGlobal, PyObject, PySet, PyStorage, PyTuple } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { knownValueOf } from "../../src/serialization/knownValue.js";
import { numpyArrayOf, numpyScalarOf } from "../../src/serialization/numpyArray.js";
import { torchLoad } from "../../src/serialization/torchLoad.js";
import type { TorchFile } from "../../src/serialization/torchLoad.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";

/** What the JSON beside a fixture says of one tensor. */
export interface TwinTensor {
  readonly dtype: string;
  readonly shape?: readonly number[];
  readonly stride?: readonly number[];
  readonly storage_offset?: number;
  readonly sha256?: string;
  readonly storage?: number;
  readonly storage_nbytes?: number;
  readonly layout?: string;
  readonly is_coalesced?: boolean;
  readonly parts?: Readonly<Record<string, TwinTensor>>;
  readonly quantization?: {
    readonly qscheme: string;
    readonly axis?: number;
    readonly scales?: readonly number[];
    readonly zero_points?: readonly number[];
    readonly scale?: number;
    readonly zero_point?: number;
  };
  readonly uninitialized?: boolean;
  readonly is_conj?: boolean;
  readonly class?: string;
  readonly requires_grad?: boolean;
}

/** What the JSON beside a fixture says of one other value. */
export interface TwinValue {
  readonly type: string;
  readonly value?: unknown;
  readonly class?: string;
  readonly dtype?: string;
  readonly shape?: readonly number[];
  readonly fortran?: boolean;
  readonly real?: number;
  readonly imag?: number;
  readonly hex?: string;
  readonly utf16_units?: readonly number[];
  readonly nbytes?: number;
  readonly sha256?: string;
}

/** The JSON beside a fixture. */
export interface Twin {
  readonly container: string;
  readonly tensors: Readonly<Record<string, TwinTensor>>;
  readonly values: Readonly<Record<string, TwinValue>>;
  readonly containers?: Readonly<Record<string, { readonly class?: string; readonly len?: number }>>;
  readonly same_object_as?: Readonly<Record<string, string>>;
}

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

/** The bytes of a fixture. */
export function fixtureBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(FIXTURES + path));
}

/** The truth beside a fixture. */
export function twinOf(path: string): Twin {
  return JSON.parse(readFileSync(FIXTURES + path.replace(/\.\w+$/, ".json"), "utf8")) as Twin;
}

/** A fixture, loaded. */
export function loadFixture(path: string): Promise<TorchFile> {
  return torchLoad(bytesSource(fixtureBytes(path)));
}

/** Every value of a tree under its path, as the twins spell paths; a container met again is not entered again. */
export function pathsOf(root: PyValue): Map<string, PyValue> {
  const found = new Map<string, PyValue>();
  const path = new Set<PyValue>();
  const visit = (value: PyValue, at: string): void => {
    found.set(at, value);
    if (typeof value !== "object" || value === null || path.has(value)) return;
    path.add(value);
    for (const [step, child] of childrenOf(value, at === "")) visit(child, at + step);
    path.delete(value);
  };
  visit(root, "");
  found.set("$", root);
  return found;
}

function* childrenOf(value: object, isRoot: boolean): Generator<[string, PyValue]> {
  if (Array.isArray(value)) yield* indexed(value as PyValue[]);
  else if (value instanceof PyTuple) yield* indexed(value.items);
  else if (value instanceof PyDict) {
    for (const [key, entry] of value) yield [keyStep(key, isRoot), entry];
    if (value.attributes !== undefined) yield* attributes(value.attributes);
  } else if (value instanceof PyObject) {
    const args = value.args instanceof PyTuple ? value.args.items : [];
    if (value.className === "torch.Size" && args[0] instanceof PyTuple) yield* indexed(args[0].items);
    else if (value.className === "__main__.Point") yield* indexed(args);
    yield* indexed(value.listItems);
    for (const [key, entry] of value.dictItems) yield [keyStep(key, isRoot), entry];
    yield* stateOf(value.state);
  }
}

/** Attributes of an object: a dict, or (dict or None, dict of slots); anything else is for the class's own __setstate__. */
function* stateOf(state: PyValue | undefined): Generator<[string, PyValue]> {
  if (state === undefined) return;
  const parts = state instanceof PyTuple && state.items.length === 2 ? state.items : [state];
  if (parts.every((part) => part === null || part instanceof PyDict)) {
    for (const part of parts) if (part instanceof PyDict) yield* attributes(part);
  } else yield [".state", state];
}

function* indexed(items: readonly PyValue[]): Generator<[string, PyValue]> {
  for (const [i, item] of items.entries()) yield [`[${i}]`, item];
}

function* attributes(dict: PyDict): Generator<[string, PyValue]> {
  for (const [name, value] of dict) yield [`.${keyText(name)}`, value];
}

function keyStep(key: PyValue, isRoot: boolean): string {
  if (typeof key === "string") {
    // Python leaves lone surrogates as they are, JSON.stringify spells them.
    const quoted = JSON.stringify(key).replace(/\\u(d[89a-f][0-9a-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    return isRoot && /^[A-Za-z_][A-Za-z0-9_-]*$/.test(key) ? key : `[${quoted}]`;
  }
  return `[${repr(key)}]`;
}

/** Python's repr of a dict key. */
function repr(key: PyValue): string {
  if (key === null) return "None";
  if (key === true) return "True";
  if (key === false) return "False";
  if (key instanceof PyFloat) return Number.isInteger(key.value) ? `${key.value}.0` : String(key.value);
  if (key instanceof PyTuple) return `(${key.items.map(repr).join(", ")}${key.items.length === 1 ? "," : ""})`;
  if (key instanceof Uint8Array) return `b'${Buffer.from(key).toString("latin1")}'`;
  return typeof key === "string" ? `'${key}'` : keyText(key);
}

/** The hex digest that the twins have of a tensor's bytes. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A tensor in the words of its twin. */
export async function describeTensor(tensor: StoredTensor): Promise<TwinTensor> {
  return {
    dtype: tensor.dtype,
    shape: tensor.shape,
    stride: tensor.stride,
    storage_offset: tensor.storageOffset,
    sha256: sha256((await readTensor(tensor)).bytes),
    storage_nbytes: tensor.storage.byteLength,
  };
}

/** A value in the words of its twin, undefined for what is kept symbolic. */
export async function describeValue(value: PyValue): Promise<TwinValue | undefined> {
  if (value === null) return { type: "NoneType", value };
  if (typeof value === "boolean") return { type: "bool", value };
  if (typeof value === "number") return { type: "int", value };
  if (typeof value === "bigint") return { type: "int", value: value.toString() };
  if (value instanceof PyFloat) return { type: "float", value: floatText(value.value) };
  if (typeof value === "string") {
    return /\p{Surrogate}/u.test(value)
      ? { type: "str", utf16_units: Array.from({ length: value.length }, (_, i) => value.charCodeAt(i)) }
      : { type: "str", value };
  }
  if (value instanceof Uint8Array) return { type: "bytes", hex: Buffer.from(value).toString("hex") };
  if (value instanceof PyComplex) return { type: "complex", real: value.real, imag: value.imag };
  if (value instanceof PyStorage) {
    const bytes = await value.storage.read(0, value.storage.byteLength);
    return { type: "torch.storage.TypedStorage", nbytes: bytes.byteLength, sha256: sha256(bytes) };
  }
  if (value instanceof PyGlobal && value.module === "torch") return { type: "torch.dtype", value: value.toString() };
  if (value instanceof PyGlobal) return { type: "global", value: value.toString() };
  return value instanceof PyObject ? describeObject(value) : undefined;
}

/** numpy's arrays and scalars, paths, dates, devices; the twins have the repr of a str of numpy. */
async function describeObject(object: PyObject): Promise<TwinValue | undefined> {
  const array = numpyArrayOf(object);
  if (array !== undefined) {
    const { type, shape, fortranOrder, tensor } = array;
    const digest = tensor === undefined ? {} : { sha256: sha256((await readTensor(tensor)).bytes) };
    return { type: "numpy.ndarray", dtype: type.text, shape, fortran: fortranOrder, ...digest };
  }
  const known = knownValueOf(object);
  if (known === undefined) return undefined;
  const dtype = numpyScalarOf(object)?.type.text;
  const value = known.type === "numpy.str_" ? `'${known.text}'` : known.text;
  return { type: known.type, value, ...(dtype === undefined ? {} : { dtype }) };
}

function floatText(value: number): unknown {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return Object.is(value, -0) ? "-0.0" : value;
}

/** What the twins call the class of a container. */
export function classOf(value: PyValue): string {
  if (Array.isArray(value)) return "list";
  if (value instanceof PyTuple) return "tuple";
  if (value instanceof PySet) return value.frozen ? "frozenset" : "set";
  if (value instanceof PyDict) return value.kind === "dict" ? "dict" : `collections.${value.kind}`;
  return value instanceof PyObject ? value.className : typeof value;
}
