import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { itemSize } from "../storage/dtype.js";
import type { DType } from "../storage/dtype.js";
import { numelOf } from "../storage/hostTensor.js";
import { contiguousStride, StoredTensor } from "../storage/storedTensor.js";
import type { Storage } from "../storage/storedTensor.js";
import { isContiguous, readTensor } from "../storage/strided.js";
import { torchLoad } from "./torchLoad.js";

/** A block of a tensor that lies in a torch file of its own: where in the tensor it begins, and its shape. */
export interface TensorChunk {
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
  /** The torch file, whose value is the block. */
  readonly source: ByteSource;
  /** What the block is called in errors: the file it lies in. */
  readonly place: string;
}

/** A tensor that is stored in blocks, row-major as a whole; a block is opened when one of its bytes is asked for. */
export function chunkedTensor(
  name: string,
  dtype: DType,
  shape: readonly number[],
  chunks: readonly TensorChunk[],
): StoredTensor {
  checkTiling(name, shape, chunks);
  const stride = contiguousStride(shape);
  const storage = new ChunkedStorage(
    dtype,
    shape,
    chunks.map((chunk) => new Block(name, dtype, shape, chunk)),
    name,
  );
  return new StoredTensor({ dtype, shape, stride, storageOffset: 0, storage });
}

class ChunkedStorage implements Storage {
  readonly byteLength: number;
  readonly name: string;
  readonly #blocks: readonly Block[];

  constructor(dtype: DType, shape: readonly number[], blocks: readonly Block[], name: string) {
    this.byteLength = numelOf(shape) * itemSize(dtype);
    this.#blocks = blocks;
    this.name = `tensor "${name}"`;
  }

  async parts(): Promise<readonly Storage[]> {
    const parts: Storage[] = [];
    for (const block of this.#blocks) parts.push(await block.storage());
    return parts;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const target = new Uint8Array(end - start);
    for (const block of this.#blocks) await block.copyInto(target, start, end);
    return target;
  }
}

/** One block, as runs of bytes that lie together in the tensor and follow each other in the block. */
class Block {
  readonly #chunk: TensorChunk;
  readonly #name: string;
  readonly #dtype: DType;
  /** Bytes of a run, and how many there are. */
  readonly #run: number;
  readonly #count: number;
  /** Axes in front of those that make a run: sizes in the block, strides in the tensor in bytes. */
  readonly #outer: readonly { readonly size: number; readonly stride: number }[];
  /** Where the first run begins in the tensor, in bytes. */
  readonly #first: number;
  #tensor: Promise<StoredTensor> | undefined;

  constructor(name: string, dtype: DType, shape: readonly number[], chunk: TensorChunk) {
    const { offsets, sizes } = chunk;
    const width = itemSize(dtype);
    const strides = contiguousStride(shape);
    // Behind this axis the block has all of the tensor.
    let axis = shape.length - 1;
    while (axis > 0 && sizes[axis] === shape[axis]) axis -= 1;
    this.#chunk = chunk;
    this.#name = name;
    this.#dtype = dtype;
    this.#run = numelOf(sizes.slice(Math.max(axis, 0))) * width;
    this.#outer = sizes.slice(0, Math.max(axis, 0)).map((size, i) => ({ size, stride: (strides[i] ?? 0) * width }));
    this.#count = this.#run === 0 ? 0 : numelOf(this.#outer.map(({ size }) => size));
    this.#first = offsets.reduce((sum, offset, i) => sum + offset * (strides[i] ?? 0), 0) * width;
  }

  /** What the block's own file holds. */
  async storage(): Promise<Storage> {
    return (await (this.#tensor ??= this.#open())).storage;
  }

  /** Put what the block has of the tensor's bytes `start..end` into `target`, which begins at `start`. */
  async copyInto(target: Uint8Array, start: number, end: number): Promise<void> {
    const from = this.#firstRun((run) => this.#startOf(run) + this.#run > start);
    const to = this.#firstRun((run) => this.#startOf(run) >= end);
    if (from >= to) return;
    const bytes = await this.#read(from * this.#run, to * this.#run);
    for (let run = from; run < to; run += 1) {
      const place = this.#startOf(run);
      const head = Math.max(start - place, 0);
      const length = Math.min(end - place, this.#run) - head;
      const at = (run - from) * this.#run + head;
      target.set(bytes.subarray(at, at + length), place + head - start);
    }
  }

  /** Where a run begins in the tensor; later runs begin later. */
  #startOf(run: number): number {
    let rest = run;
    let at = this.#first;
    for (let axis = this.#outer.length - 1; axis >= 0; axis -= 1) {
      const { size, stride } = this.#outer[axis] ?? { size: 1, stride: 0 };
      at += (rest % size) * stride;
      rest = Math.floor(rest / size);
    }
    return at;
  }

  /** The first run that fits, by halves. */
  #firstRun(fits: (run: number) => boolean): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (fits(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async #read(start: number, end: number): Promise<Uint8Array> {
    const tensor = await (this.#tensor ??= this.#open());
    if (!isContiguous(tensor.shape, tensor.stride) || tensor.conjugate || tensor.negative) {
      return (await readTensor(tensor)).bytes.subarray(start, end);
    }
    const first = tensor.storageOffset * itemSize(tensor.dtype);
    return tensor.storage.read(first + start, first + end);
  }

  async #open(): Promise<StoredTensor> {
    const { source, sizes, place } = this.#chunk;
    const { value } = await torchLoad(source);
    if (!(value instanceof StoredTensor) || value.dtype !== this.#dtype || !sameShape(value.shape, sizes)) {
      const found =
        value instanceof StoredTensor ? `${value.dtype} [${value.shape.join(", ")}]` : "something that is no tensor";
      throw new LtrainError(
        "checkpoint.malformed",
        `${place}: a part of "${this.#name}" should be ${this.#dtype} [${sizes.join(", ")}], and is ${found}`,
        { hint: "the files may be of different saves; compare them with the original folder" },
      );
    }
    return value;
  }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** The blocks fill the tensor, each inside it and none over another. */
function checkTiling(name: string, shape: readonly number[], chunks: readonly TensorChunk[]): void {
  for (const { offsets, sizes } of chunks) {
    const fits =
      offsets.length === shape.length &&
      sizes.length === shape.length &&
      shape.every((size, axis) => (offsets[axis] ?? 0) + (sizes[axis] ?? 0) <= size);
    if (!fits) {
      throw malformed(
        `"${name}" has shape [${shape.join(", ")}], and a part of it [${sizes.join(", ")}] from [${offsets.join(", ")}]`,
      );
    }
  }
  const covered = chunks.reduce((sum, { sizes }) => sum + numelOf(sizes), 0);
  if (covered !== numelOf(shape)) {
    throw malformed(`the parts of "${name}" have ${covered} elements together, and it has ${numelOf(shape)}`);
  }
  // Along the axis that is cut into most pieces only few blocks lie side by side.
  const axis = busiestAxis(shape, chunks);
  const startOf = ({ offsets }: TensorChunk): number => offsets[axis] ?? 0;
  const byStart = chunks.filter(({ sizes }) => numelOf(sizes) > 0).sort((a, b) => startOf(a) - startOf(b));
  byStart.forEach((chunk, index) => {
    const end = startOf(chunk) + (chunk.sizes[axis] ?? 1);
    for (let next = index + 1; next < byStart.length; next += 1) {
      const other = byStart[next];
      if (other === undefined || startOf(other) >= end) break;
      if (overlaps(chunk, other)) throw malformed(`two parts of "${name}" lie over each other`);
    }
  });
}

function busiestAxis(shape: readonly number[], chunks: readonly TensorChunk[]): number {
  const pieces = shape.map((_, axis) => new Set(chunks.map(({ offsets }) => offsets[axis])).size);
  return Math.max(pieces.indexOf(Math.max(...pieces)), 0);
}

function overlaps(a: TensorChunk, b: TensorChunk): boolean {
  return a.offsets.every((offset, axis) => {
    const other = b.offsets[axis] ?? 0;
    return offset < other + (b.sizes[axis] ?? 0) && other < offset + (a.sizes[axis] ?? 0);
  });
}

function malformed(message: string): LtrainError {
  return new LtrainError("checkpoint.malformed", message, {
    hint: "files of the folder may be missing or of different saves; compare it with the original",
  });
}
