import { LtrainError } from "../errors.js";
import { itemSize } from "./dtype.js";
import type { HostTensor } from "./hostTensor.js";
import { conjugateInPlace, negateInPlace } from "./lazyBits.js";
import { contiguousStride } from "./storedTensor.js";
import type { Storage, StoredTensor } from "./storedTensor.js";

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
  const { dtype, shape, byteLength } = tensor;
  checkReadable(tensor);
  if (byteLength > MAX_TENSOR_BYTES) throw tooLarge(tensor, MAX_TENSOR_BYTES);
  const bytes = await gather(tensor);
  if (tensor.conjugate) conjugateInPlace(bytes, dtype);
  if (tensor.negative) negateInPlace(bytes, dtype);
  return { dtype, shape, bytes };
}

/** Refuse a view that says of a few bytes that they are many more elements than anyone can want to see. */
export function checkReadable(tensor: StoredTensor): void {
  const { byteLength, storage } = tensor;
  if (byteLength > storage.byteLength && byteLength > MAX_EXPANDED_BYTES) throw tooLarge(tensor, MAX_EXPANDED_BYTES);
}

function tooLarge({ dtype, shape, byteLength }: StoredTensor, limit: number): LtrainError {
  return new LtrainError(
    "checkpoint.unsupported",
    `a tensor ${dtype} [${shape.join(", ")}] takes ${byteLength} bytes; up to ${limit} are read at once`,
  );
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
  const axes: Axis[] = [];
  let step = width;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    const size = shape[axis] ?? 1;
    if (size > 1) axes.unshift({ size, stride: (stride[axis] ?? 0) * width, step });
    step *= size;
  }
  const target = new Uint8Array(byteLength);
  await gatherAxes(storage, axes, start, { target, at: 0, width });
  return target;
}

interface Axis {
  readonly size: number;
  /** Bytes from one element to the next in the storage. */
  readonly stride: number;
  /** The same in the row-major target. */
  readonly step: number;
}

/** Where elements go, and how wide they are. */
interface Destination {
  readonly target: Uint8Array;
  readonly at: number;
  readonly width: number;
}

/** Fill the target from the region that begins at `start`: in one read where that is cheap, else piece by piece along the axis that reaches farthest. */
async function gatherAxes(storage: Storage, axes: readonly Axis[], start: number, to: Destination): Promise<void> {
  const region = axes.reduce((length, { size, stride }) => length + (size - 1) * stride, to.width);
  const wanted = axes.reduce((product, { size }) => product * size, to.width);
  if (axes.length === 0 || region <= SMALL_REGION || region <= wanted * SPARSE) {
    copyAxes(await storage.read(start, start + region), axes, to);
    return;
  }
  const widest = axes.reduce((best, axis) => (axis.stride > best.stride ? axis : best));
  const inner = axes.filter((axis) => axis !== widest);
  for (let i = 0; i < widest.size; i += 1) {
    await gatherAxes(storage, inner, start + i * widest.stride, { ...to, at: to.at + i * widest.step });
  }
}

/** Copy the elements of a strided region to their places; the innermost runs that are contiguous on both sides move as one. */
function copyAxes(source: Uint8Array, axes: readonly Axis[], { target, at, width }: Destination): void {
  const outer = axes.slice();
  let run = width;
  for (let last = outer.at(-1); last?.stride === run && last.step === run; last = outer.at(-1)) {
    run *= last.size;
    outer.pop();
  }
  const inner = outer.pop() ?? { size: 1, stride: 0, step: 0 };
  const indices = new Array<number>(outer.length).fill(0);
  let from = 0;
  let to = at;
  for (;;) {
    copyRuns(source, from, inner, run, target, to);
    let axis = outer.length - 1;
    for (; axis >= 0; axis -= 1) {
      const { size, stride, step } = outer[axis] ?? inner;
      const index = (indices[axis] ?? 0) + 1;
      from += stride;
      to += step;
      if (index < size) {
        indices[axis] = index;
        break;
      }
      from -= size * stride;
      to -= size * step;
      indices[axis] = 0;
    }
    if (axis < 0) return;
  }
}

function copyRuns(source: Uint8Array, from: number, axis: Axis, run: number, target: Uint8Array, to: number): void {
  let read = from;
  let write = to;
  for (let i = 0; i < axis.size; i += 1) {
    if (run <= 16) for (let k = 0; k < run; k += 1) target[write + k] = source[read + k] ?? 0;
    else target.set(source.subarray(read, read + run), write);
    read += axis.stride;
    write += axis.step;
  }
}
