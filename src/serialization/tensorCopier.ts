import { itemSize } from "../storage/dtype.js";
import { readPieces, storagePieces } from "./storagePieces.js";
import type { StoragePiece } from "./storagePieces.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { isContiguous } from "../storage/strided.js";
import { tensorChunks } from "../storage/tensorChunks.js";
import { checksum } from "../zip/checksum.js";
import { checkCopy } from "./copiedStorage.js";

/**
 * The bytes of tensors one after the other, row-major, for formats that know no strides. They are asked for in the
 * order in which they were given, so that the next one is read while one is written.
 */
export class TensorCopier {
  readonly #pieces: AsyncGenerator<Uint8Array>;

  constructor(tensors: Iterable<StoredTensor>) {
    this.#pieces = readPieces(plainPieces(tensors));
  }

  /** The bytes of the next tensor in pieces; each is good until the next is asked for. */
  async *chunks(tensor: StoredTensor): AsyncGenerator<Uint8Array> {
    if (!isPlain(tensor)) {
      yield* tensorChunks(tensor);
      return;
    }
    const { storage } = tensor;
    const isWhole = tensor.byteLength === storage.byteLength && storage.crc32 !== undefined;
    let crc = 0;
    for (let left = tensor.byteLength; left > 0;) {
      const next = await this.#pieces.next();
      if (next.done === true) return;
      yield next.value;
      if (isWhole) crc = checksum(next.value, crc);
      left -= next.value.byteLength;
    }
    if (isWhole) checkCopy(storage, crc);
  }
}

/** Whether a tensor's bytes in its storage are already what is to be written. */
function isPlain(tensor: StoredTensor): boolean {
  return isContiguous(tensor.shape, tensor.stride) && !tensor.conjugate && !tensor.negative;
}

function* plainPieces(tensors: Iterable<StoredTensor>): Generator<StoragePiece> {
  for (const tensor of tensors) {
    if (!isPlain(tensor)) continue;
    const start = tensor.storageOffset * itemSize(tensor.dtype);
    yield* storagePieces(tensor.storage, start, start + tensor.byteLength);
  }
}
