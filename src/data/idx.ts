import { gunzipSync } from "node:zlib";
import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import type { DType } from "../storage/dtype.js";
import { itemSize } from "../storage/dtype.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { numelOf } from "../storage/hostTensor.js";
import { swapBytes } from "./swapBytes.js";

/** The third byte of an IDX file says what its elements are. */
const ELEMENTS: Readonly<Record<number, DType>> = {
  0x08: "uint8",
  0x09: "int8",
  0x0b: "int16",
  0x0c: "int32",
  0x0d: "float32",
  0x0e: "float64",
};
/** Four dimensions are a set of colour images; more is not an IDX file of this world. */
const MAX_DIMENSIONS = 8;
/** MNIST unpacks to 47 MB; what claims more than this is no data set but a bomb. */
const MAX_UNPACKED_BYTES = 4 * 2 ** 30;

/** An IDX file, the form MNIST comes in, plain or gzipped. `name` is for complaints. */
export async function readIdx(source: ByteSource, name: string): Promise<HostTensor> {
  const bytes = await unpacked(source, name);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dtype = bytes.byteLength >= 4 && view.getUint16(0) === 0 ? ELEMENTS[view.getUint8(2)] : undefined;
  const dimensions = bytes.byteLength >= 4 ? view.getUint8(3) : 0;
  if (dtype === undefined || dimensions === 0 || dimensions > MAX_DIMENSIONS) {
    const start = Buffer.from(bytes.subarray(0, 4)).toString("hex");
    throw new LtrainError("data.malformed", `${name}: not an IDX file: it begins with ${start || "nothing"}`, {
      hint: "an IDX file begins with 0000, a type and a number of dimensions, as train-images-idx3-ubyte does",
    });
  }
  const header = 4 + 4 * dimensions;
  if (bytes.byteLength < header) throw cutShort(name, header, bytes.byteLength);
  const shape = Array.from({ length: dimensions }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = numelOf(shape) * itemSize(dtype);
  if (bytes.byteLength !== header + size) throw cutShort(name, header + size, bytes.byteLength, shape);
  const values = bytes.subarray(header);
  return { dtype, shape, bytes: itemSize(dtype) === 1 ? values : swapBytes(values, itemSize(dtype)) };
}

async function unpacked(source: ByteSource, name: string): Promise<Uint8Array> {
  const bytes = await source.read(0, source.byteLength);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return new Uint8Array(gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES }));
  } catch (error) {
    throw new LtrainError("data.malformed", `${name}: the gzip stream is damaged or longer than 4 GiB`, {
      cause: error,
    });
  }
}

function cutShort(name: string, expected: number, found: number, shape?: readonly number[]): LtrainError {
  const promise = shape === undefined ? "its header takes" : `its header says [${shape.join(", ")}], which takes`;
  return new LtrainError("data.malformed", `${name}: ${promise} ${expected} bytes, but there are ${found}`, {
    hint: "the file may be cut short; fetch it again",
  });
}
