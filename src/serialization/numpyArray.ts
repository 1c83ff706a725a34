import { LtrainError } from "../errors.js";
import { asItems } from "../pickle/convert.js";
import { encodeUtf8 } from "../pickle/utf8.js";
import { PyGlobal, PyObject, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { swapInPlace } from "../storage/byteOrder.js";
import { numelOf } from "../storage/hostTensor.js";
import { contiguousStride, StoredTensor } from "../storage/storedTensor.js";
import { counts } from "./denseTensor.js";
import { numpyTypeOf } from "./numpyType.js";
import type { NumpyType } from "./numpyType.js";

/** A numpy array that a pickle holds. */
export interface NumpyArray {
  readonly type: NumpyType;
  readonly shape: readonly number[];
  readonly fortranOrder: boolean;
  /** The numbers, where torch has a dtype for them. */
  readonly tensor: StoredTensor | undefined;
  /** The bytes as they are in the file; none of an array of objects. */
  readonly bytes: Uint8Array | undefined;
  /** Elements of an array of objects. */
  readonly items: readonly PyValue[] | undefined;
}

const RECONSTRUCT = /^numpy\.(_core|core)\.multiarray\._reconstruct$/;
const FROM_BUFFER = /^numpy\.(_core|core)\.numeric\._frombuffer$/;
const SCALAR = /^numpy\.(_core|core)\.multiarray\.scalar$/;

/** The array that a pickled `_reconstruct` (protocols 0 to 4) or `_frombuffer` (5) stands for; undefined for anything else. */
export function numpyArrayOf(object: PyObject): NumpyArray | undefined {
  if (!(object.callable instanceof PyGlobal)) return undefined;
  const name = object.callable.toString();
  if (RECONSTRUCT.test(name)) {
    const state = object.state instanceof PyTuple ? object.state.items : [];
    // (version, shape, dtype, fortran order, data); numpy before 1.0 had no version.
    const [shape, type, fortran, data] = state.length === 4 ? state : state.slice(1);
    return arrayOf(shape, type, fortran === true, data);
  }
  if (!FROM_BUFFER.test(name)) return undefined;
  const [data, type, shape, order] = object.args instanceof PyTuple ? object.args.items : [];
  return arrayOf(shape, type, order === "F", data);
}

function arrayOf(
  size: PyValue | undefined,
  dtype: PyValue | undefined,
  fortranOrder: boolean,
  data: PyValue | undefined,
): NumpyArray | undefined {
  const type = numpyTypeOf(dtype);
  if (type === undefined || size === undefined) return undefined;
  const shape = counts(size, "shape");
  const items = asItems(data);
  if (items !== undefined) return { type, shape, fortranOrder, tensor: undefined, bytes: undefined, items };
  const bytes = bytesOf(data);
  if (bytes === undefined) return undefined;
  const expected = numelOf(shape) * type.itemSize;
  if (expected !== bytes.byteLength && type.itemSize > 0) {
    throw new LtrainError(
      "checkpoint.malformed",
      `a numpy array ${type.text} [${shape.join(", ")}] takes ${expected} bytes, and has ${bytes.byteLength}`,
    );
  }
  return { type, shape, fortranOrder, tensor: tensorOf(type, shape, fortranOrder, bytes), bytes, items: undefined };
}

/** bytes, a bytearray, or a str of Python 2. */
function bytesOf(data: PyValue | undefined): Uint8Array | undefined {
  if (data instanceof Uint8Array) return data;
  if (typeof data === "string") return encodeUtf8(data);
  if (!(data instanceof PyObject) || data.className !== "builtins.bytearray") return undefined;
  const [inner] = data.args instanceof PyTuple ? data.args.items : [];
  return inner instanceof Uint8Array ? inner : undefined;
}

function tensorOf(
  type: NumpyType,
  shape: readonly number[],
  fortranOrder: boolean,
  bytes: Uint8Array,
): StoredTensor | undefined {
  const { dtype } = type;
  if (dtype === undefined) return undefined;
  const content = littleEndian(type, bytes);
  return new StoredTensor({
    dtype,
    shape,
    stride: fortranOrder ? fortranStride(shape) : contiguousStride(shape),
    storageOffset: 0,
    storage: {
      byteLength: content.byteLength,
      read: (start, end) => Promise.resolve(content.subarray(start, end)),
    },
  });
}

/** Bytes of the unit that is turned round: a complex number is two of them, a text as many as it has characters. */
export function swapWidth({ text, itemSize }: NumpyType): number {
  if (text[1] === "c") return itemSize / 2;
  return text[1] === "U" ? 4 : itemSize;
}

function littleEndian(type: NumpyType, bytes: Uint8Array): Uint8Array {
  if (!type.bigEndian) return bytes;
  const content = bytes.slice();
  swapInPlace(content, swapWidth(type));
  return content;
}

/** Strides of a column-major array, in elements. */
export function fortranStride(shape: readonly number[]): number[] {
  return contiguousStride([...shape].reverse()).reverse();
}

/** A numpy scalar: `scalar(dtype, bytes)`; undefined for anything else. */
export interface NumpyScalar {
  readonly type: NumpyType;
  /** Little-endian. */
  readonly bytes: Uint8Array;
}

/** The first elements in row-major order, of a type that torch does not have: times, texts, bytes. */
export function firstElements({ type, shape, fortranOrder, tensor, bytes }: NumpyArray, most: number): NumpyScalar[] {
  const { itemSize } = type;
  if (tensor !== undefined || bytes === undefined || itemSize === 0) return [];
  const rows = contiguousStride(shape);
  const stride = fortranOrder ? fortranStride(shape) : rows;
  return Array.from({ length: Math.min(numelOf(shape), most) }, (_, index) => {
    const at = shape.reduce((sum, size, axis) => {
      return sum + (Math.floor(index / (rows[axis] ?? 1)) % size) * (stride[axis] ?? 0) * itemSize;
    }, 0);
    return { type, bytes: littleEndian(type, bytes.slice(at, at + itemSize)) };
  });
}

/** The scalar that a pickled `numpy._core.multiarray.scalar(dtype, bytes)` stands for. */
export function numpyScalarOf(object: PyObject): NumpyScalar | undefined {
  if (!(object.callable instanceof PyGlobal) || !SCALAR.test(object.callable.toString())) return undefined;
  const [dtype, data] = object.args instanceof PyTuple ? object.args.items : [];
  const type = numpyTypeOf(dtype);
  const bytes = bytesOf(data);
  if (type === undefined || bytes === undefined || (type.itemSize !== 0 && bytes.byteLength !== type.itemSize)) {
    return undefined;
  }
  return { type, bytes: littleEndian(type, bytes) };
}
