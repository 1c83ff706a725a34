import { itemSize } from "./dtype.js";
import { conjugateInPlace, negateInPlace } from "./lazyBits.js";
import { StoredTensor } from "./storedTensor.js";
import { checkReadable, isContiguous, readTensor } from "./strided.js";

/** Pieces of this size keep a reader busy and fit in a cache. */
const CHUNK_BYTES = 1 << 22;
/** A strided view that reaches over no more than this is gathered at once: its rows may lie all over it. */
const WHOLE_REGION = 1 << 26;

/**
 * The elements of a tensor as row-major little-endian bytes, as `readTensor` gives them, in pieces of whole elements:
 * memory does not grow with the tensor.
 */
export async function* tensorChunks(tensor: StoredTensor, atMost = CHUNK_BYTES): AsyncGenerator<Uint8Array> {
  checkReadable(tensor);
  const { byteLength } = tensor;
  const width = itemSize(tensor.dtype);
  const chunkBytes = Math.max(width, atMost - (atMost % width));
  if (byteLength === 0) return;
  if (byteLength <= chunkBytes) yield (await readTensor(tensor)).bytes;
  else if (isContiguous(tensor.shape, tensor.stride)) yield* contiguousChunks(tensor, chunkBytes);
  else if (byteLength <= WHOLE_REGION && reach(tensor) <= WHOLE_REGION) {
    const { bytes } = await readTensor(tensor);
    for (let start = 0; start < byteLength; start += chunkBytes) yield bytes.subarray(start, start + chunkBytes);
  } else yield* rowChunks(tensor, chunkBytes);
}

async function* contiguousChunks(tensor: StoredTensor, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const { dtype, storage, byteLength } = tensor;
  const first = tensor.storageOffset * itemSize(dtype);
  for (let start = 0; start < byteLength; start += chunkBytes) {
    const bytes = await storage.read(first + start, first + Math.min(start + chunkBytes, byteLength));
    if (!tensor.conjugate && !tensor.negative) {
      yield bytes;
      continue;
    }
    const own = bytes.slice(); // what a storage in memory gives may be its own bytes
    if (tensor.conjugate) conjugateInPlace(own, dtype);
    if (tensor.negative) negateInPlace(own, dtype);
    yield own;
  }
}

/** Slices along the first axis that has more than one element; each is a tensor of its own. */
async function* rowChunks(tensor: StoredTensor, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const axis = tensor.shape.findIndex((size) => size > 1);
  const rows = tensor.shape[axis] ?? 1;
  const atOnce = Math.max(1, Math.floor((chunkBytes * rows) / tensor.byteLength));
  for (let row = 0; row < rows; row += atOnce) {
    yield* tensorChunks(narrow(tensor, axis, row, Math.min(atOnce, rows - row)), chunkBytes);
  }
}

/** `tensor.narrow(axis, start, length)`: the same storage, fewer elements. */
function narrow(tensor: StoredTensor, axis: number, start: number, length: number): StoredTensor {
  return new StoredTensor({
    dtype: tensor.dtype,
    shape: tensor.shape.map((size, i) => (i === axis ? length : size)),
    stride: tensor.stride,
    storageOffset: tensor.storageOffset + start * (tensor.stride[axis] ?? 0),
    storage: tensor.storage,
    conjugate: tensor.conjugate,
    negative: tensor.negative,
  });
}

/** Bytes from the first element to the end of the last. */
function reach({ dtype, shape, stride }: StoredTensor): number {
  return (shape.reduce((sum, size, axis) => sum + (size - 1) * (stride[axis] ?? 0), 0) + 1) * itemSize(dtype);
}
