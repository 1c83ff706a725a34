import { LtrainError } from "../errors.js";
import { itemSize } from "./dtype.js";
import type { HostTensor } from "./hostTensor.js";
import { conjugateInPlace, negateInPlace } from "./lazyBits.js";
import { contiguousStride } from "./storedTensor.js";
import type { StoredTensor } from "./storedTensor.js";

/** An expanded view can be larger than its storage; one that is larger than this too was made to fill memory. */
const MAX_EXPANDED_BYTES = 1 << 30;
/** JavaScript's largest array on Node 20. */
const MAX_TENSOR_BYTES = 2 ** 32 - 1;
/** A region up to this size is read whole, however few of its elements are wanted. */
const SMALL_REGION = 1 << 20;
/** A larger one is read whole when at least one byte in so many is wanted. */
const SPARSE = 8;

/** The elements of a tensor at rest, gathered into contiguous row-major bytes. */
export async function readTensor(tensor: StoredTensor): Promise<HostTensor> {
  const { dtype, shape, byteLength, storage } = tensor;
  const limit = byteLength > storage.byteLength ? MAX_EXPANDED_BYTES : MAX_TENSOR_BYTES;
  if (byteLength > limit) {
    throw new LtrainError(
      "checkpoint.unsupported",
      `a tensor ${dtype} [${shape.join(", ")}] takes ${byteLength} bytes; up to ${limit} are read at once`,
    );
  }
  const bytes = await gather(tensor);
  if (tensor.conjugate) conjugateInPlace(bytes, dtype);
  if (tensor.negative) negateInPlace(bytes, dtype);
  return { dtype, shape, bytes };
}

/** Whether the elements lie one after the other in the storage, as row-major order has them. */
export function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  const expected = contiguousStride(shape);
  // The stride of an axis with one element is never used.
  return shape.includes(0) || shape.every((size, axis) => size === 1 || stride[axis] === expected[axis]);
}

async function gather(tensor: StoredTensor): Promise<Uint8Array> {
  const { shape, stride, storage, byteLength } = tensor;
  const width = itemSize(tensor.dtype);
  const start = tensor.storageOffset * width;
  if (byteLength === 0) return new Uint8Array(0);
  if (isContiguous(shape, stride)) {
    const bytes = await storage.read(start, start + byteLength);
    // A whole small storage may be a view of somebody's buffer; conj and neg must not write there.
    return tensor.conjugate || tensor.negative ? bytes.slice() : bytes;
  }
  const axes = shape
    .map((size, axis) => ({ size, stride: (stride[axis] ?? 0) * width }))
    .filter(({ size }) => size > 1);
  const target = new Uint8Array(byteLength);
  await gatherAxes(tensor, axes, start, target, width);
  return target;
}

interface Axis {
  readonly size: number;
  /** In bytes. */
  readonly stride: number;
}

/** Fill `target` from the region that begins at `start`: in one read where that is cheap, else piece by piece along the first axis. */
async function gatherAxes(
  tensor: StoredTensor,
  axes: readonly Axis[],
  start: number,
  target: Uint8Array,
  width: number,
): Promise<void> {
  const region = axes.reduce((length, { size, stride }) => length + (size - 1) * stride, width);
  const [first, ...inner] = axes;
  if (first === undefined || region <= SMALL_REGION || region <= target.byteLength * SPARSE) {
    const source = await tensor.storage.read(start, start + region);
    copyAxes(source, axes, target, width);
    return;
  }
  const part = target.byteLength / first.size;
  for (let i = 0; i < first.size; i += 1) {
    const piece = target.subarray(i * part, (i + 1) * part);
    await gatherAxes(tensor, inner, start + i * first.stride, piece, width);
  }
}

/** Copy the elements of a strided region into row-major order; the innermost runs that are contiguous move as one. */
function copyAxes(source: Uint8Array, axes: readonly Axis[], target: Uint8Array, width: number): void {
  const outer = axes.slice();
  let run = width;
  for (let last = outer.at(-1); last !== undefined && last.stride === run; last = outer.at(-1)) {
    run *= last.size;
    outer.pop();
  }
  const inner = outer.pop() ?? { size: 1, stride: 0 };
  const indices = new Array<number>(outer.length).fill(0);
  let from = 0;
  for (let to = 0; to < target.byteLength;) {
    to = copyRuns(source, from, inner, run, target, to);
    for (let axis = outer.length - 1; axis >= 0; axis -= 1) {
      const { size, stride } = outer[axis] ?? inner;
      const index = (indices[axis] ?? 0) + 1;
      from += stride;
      if (index < size) {
        indices[axis] = index;
        break;
      }
      from -= size * stride;
      indices[axis] = 0;
    }
  }
}

function copyRuns(source: Uint8Array, from: number, axis: Axis, run: number, target: Uint8Array, to: number): number {
  let read = from;
  let write = to;
  for (let i = 0; i < axis.size; i += 1) {
    if (run <= 16) for (let k = 0; k < run; k += 1) target[write + k] = source[read + k] ?? 0;
    else target.set(source.subarray(read, read + run), write);
    read += axis.stride;
    write += run;
  }
  return write;
}
