import { itemSize } from "../storage/dtype.js";
import type { DType } from "../storage/dtype.js";
import { contiguousStride, StoredTensor } from "../storage/storedTensor.js";
import type { Storage } from "../storage/storedTensor.js";
import { isContiguous, readTensor } from "../storage/strided.js";

/** Elements `start..start + length` of a tensor, counted row-major. */
export interface TensorPiece {
  readonly tensor: StoredTensor;
  readonly start: number;
  readonly length: number;
}

/** Elements `start..start + length` of tensors that follow each other, as pieces of each; fewer when they end before. */
export function piecesOf(tensors: readonly StoredTensor[], start: number, length: number): TensorPiece[] {
  const pieces: TensorPiece[] = [];
  let at = 0;
  for (const tensor of tensors) {
    const from = Math.max(start - at, 0);
    const to = Math.min(start + length - at, tensor.numel);
    if (from < to) pieces.push({ tensor, start: from, length: to - from });
    at += tensor.numel;
  }
  return pieces;
}

/** One tensor of pieces side by side, all of one dtype; they are read when its bytes are asked for. */
export function joinedTensor(dtype: DType, shape: readonly number[], pieces: readonly TensorPiece[]): StoredTensor {
  const storage = new JoinedStorage(pieces, itemSize(dtype));
  return new StoredTensor({ dtype, shape, stride: contiguousStride(shape), storageOffset: 0, storage });
}

class JoinedStorage implements Storage {
  readonly byteLength: number;
  readonly #pieces: readonly TensorPiece[];
  readonly #width: number;

  constructor(pieces: readonly TensorPiece[], width: number) {
    this.byteLength = pieces.reduce((sum, { length }) => sum + length, 0) * width;
    this.#pieces = pieces;
    this.#width = width;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const target = new Uint8Array(end - start);
    let at = 0;
    for (const piece of this.#pieces) {
      const length = piece.length * this.#width;
      const [from, to] = [Math.max(start - at, 0), Math.min(end - at, length)];
      if (from < to) target.set(await this.#readPiece(piece, from, to), at + from - start);
      at += length;
    }
    return target;
  }

  async #readPiece({ tensor, start }: TensorPiece, from: number, to: number): Promise<Uint8Array> {
    const first = start * this.#width;
    if (!isContiguous(tensor.shape, tensor.stride)) {
      return (await readTensor(tensor)).bytes.subarray(first + from, first + to);
    }
    const offset = tensor.storageOffset * this.#width + first;
    return tensor.storage.read(offset + from, offset + to);
  }
}
