import { LtrainError } from "../errors.js";
import { PyDict, PyGlobal, PyObject, PyTuple } from "../pickle/values.js";
import { numelOf } from "../storage/hostTensor.js";
import { contiguousStride, StoredTensor } from "../storage/storedTensor.js";
import type { Storage } from "../storage/storedTensor.js";
import { fortranStride, swapWidth } from "./numpyArray.js";
import { parseNumpyType } from "./numpyType.js";
import type { NumpyType } from "./numpyType.js";
import { parsePythonLiteral } from "./pythonLiteral.js";
import type { PythonLiteral } from "./pythonLiteral.js";
import { partOfStorage } from "./sourceStorage.js";
import { SwappedStorage } from "./torchStorage.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Magic, version, and a header length of four bytes at most. */
const PREAMBLE = 12;
/** Most headers are shorter: one read brings them whole. */
const HEADER_GUESS = 256;
/** numpy itself refuses to evaluate a longer header. */
const MAX_HEADER_BYTES = 10_000;

/**
 * Read one `.npy` (versions 1.0 to 3.0) that lies in `content`: a tensor whose bytes stay where they are, or, of a dtype
 * that torch does not have, an object `numpy.ndarray` that shows its dtype and shape. An array of objects is a pickle,
 * which is never read.
 */
export async function readNpy(content: Storage, name: string): Promise<StoredTensor | PyObject> {
  const { descr, fortranOrder, shape, dataStart } = await readHeader(content, name);
  const type = typeof descr === "string" ? parseNumpyType(descr) : undefined;
  if (type?.dtype === undefined) return inertArray(descr, shape);
  return tensorOf(content, name, { type, dtype: type.dtype, fortranOrder, shape, dataStart });
}

interface Header {
  readonly descr: PythonLiteral;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  readonly dataStart: number;
}

async function readHeader(content: Storage, name: string): Promise<Header> {
  const read = (start: number, end: number): Promise<Uint8Array> => {
    if (end > content.byteLength) throw malformed(name, `ends at byte ${content.byteLength}, inside its header`);
    return content.read(start, end);
  };
  const head = await read(0, Math.min(HEADER_GUESS, content.byteLength));
  if (head.byteLength < PREAMBLE || !MAGIC.every((byte, index) => head[index] === byte)) {
    throw malformed(name, "does not begin as a numpy array does");
  }
  const major = head[6] ?? 0;
  if (major < 1 || major > 3) {
    throw new LtrainError("checkpoint.unsupported", `array "${name}" is of version ${major} of numpy's format`);
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES)
    throw malformed(name, `has a header of ${length} bytes; more than ${MAX_HEADER_BYTES} are not read`);
  const start = major === 1 ? 10 : 12;
  const dataStart = start + length;
  const bytes = dataStart <= head.byteLength ? head.subarray(start, dataStart) : await read(start, dataStart);
  const header = parsePythonLiteral(
    Buffer.from(bytes)
      .toString(major === 3 ? "utf8" : "latin1")
      .trim(),
  );
  const fields = header instanceof Map ? (header as ReadonlyMap<string, PythonLiteral>) : undefined;
  const descr = fields?.get("descr");
  const shape = fields?.get("shape");
  const fortranOrder = fields?.get("fortran_order");
  if (descr === undefined || typeof fortranOrder !== "boolean" || !isShape(shape)) {
    throw malformed(name, "has a header that is not {'descr': ..., 'fortran_order': ..., 'shape': ...}");
  }
  return { descr, fortranOrder, shape, dataStart };
}

function isShape(value: PythonLiteral | undefined): value is readonly number[] {
  return (
    Array.isArray(value) && value.every((size) => typeof size === "number" && Number.isSafeInteger(size) && size >= 0)
  );
}

interface Layout extends Pick<Header, "fortranOrder" | "shape" | "dataStart"> {
  readonly type: NumpyType;
  readonly dtype: StoredTensor["dtype"];
}

function tensorOf(content: Storage, name: string, layout: Layout): StoredTensor {
  const { type, dtype, fortranOrder, shape, dataStart } = layout;
  const byteLength = numelOf(shape) * type.itemSize;
  const present = content.byteLength - dataStart;
  if (!(byteLength <= present)) {
    throw malformed(name, `is ${type.text} [${shape.join(", ")}], which takes ${byteLength} bytes, and has ${present}`);
  }
  const data = wholeWhenWhole(content, dataStart, byteLength);
  return new StoredTensor({
    dtype,
    shape,
    stride: fortranOrder ? fortranStride(shape) : contiguousStride(shape),
    storageOffset: 0,
    storage: type.bigEndian ? new SwappedStorage(data, swapWidth(type)) : data,
  });
}

/** All of the numbers are read with the header in front, for then the record's checksum is verified. */
function wholeWhenWhole(content: Storage, dataStart: number, byteLength: number): Storage {
  const part = partOfStorage(content, dataStart, byteLength);
  const isRest = dataStart + byteLength === content.byteLength;
  const read = async (start: number, end: number): Promise<Uint8Array> =>
    isRest && start === 0 && end === byteLength && byteLength > 0
      ? (await content.read(0, content.byteLength)).subarray(dataStart)
      : part.read(start, end);
  return { byteLength, name: part.name, read };
}

/** An array that torch has no dtype for: text, dates, records, objects. Its dtype and shape are shown, its content is not. */
function inertArray(descr: PythonLiteral, shape: readonly number[]): PyObject {
  const array = new PyObject(new PyGlobal("numpy", "ndarray"), new PyTuple([]));
  const dtype = typeof descr === "string" ? (parseNumpyType(descr)?.text ?? descr) : literalText(descr);
  array.state = PyDict.from({ dtype, shape: new PyTuple(shape) });
  return array;
}

/** `[('x', '<f4'), ('y', '<i8', (2,))]`, as numpy spells the dtype of a record. */
function literalText(value: PythonLiteral): string {
  if (typeof value === "string") return `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(fieldText).join(", ")}]`;
  return typeof value === "number" ? String(value) : "...";
}

function fieldText(field: PythonLiteral): string {
  return Array.isArray(field) ? `(${field.map(literalText).join(", ")})` : literalText(field);
}

function malformed(name: string, what: string): LtrainError {
  return new LtrainError("checkpoint.malformed", `array "${name}" ${what}`, {
    hint: "the file may be damaged or cut short; compare it with the original",
  });
}
