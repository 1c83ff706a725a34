import type { Storage, StoredTensor } from "../storage/storedTensor.js";
import { tensorChunks } from "../storage/tensorChunks.js";

/** The elements of a strided view side by side, as a storage of its own; gathered piece by piece as it is read in order. */
export class GatheredStorage implements Storage {
  readonly byteLength: number;
  readonly #tensor: StoredTensor;
  #chunks: AsyncGenerator<Uint8Array> | undefined;
  /** What has been gathered and not been given yet, and where it begins. */
  #rest = new Uint8Array();
  #position = 0;

  constructor(tensor: StoredTensor) {
    this.#tensor = tensor;
    this.byteLength = tensor.byteLength;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    if (this.#chunks === undefined || start < this.#position) {
      this.#chunks = tensorChunks(this.#tensor);
      this.#rest = new Uint8Array();
      this.#position = 0;
    }
    const bytes = new Uint8Array(end - start);
    for (let done = 0; done < bytes.byteLength;) {
      const skipped = Math.min(Math.max(start + done - this.#position, 0), this.#rest.byteLength);
      const part = this.#rest.subarray(skipped, skipped + bytes.byteLength - done);
      bytes.set(part, done);
      done += part.byteLength;
      this.#position += skipped + part.byteLength;
      this.#rest = this.#rest.subarray(skipped + part.byteLength);
      if (done === bytes.byteLength) break;
      const next = await this.#chunks.next();
      if (next.done === true) throw new RangeError(`bytes ${start} to ${end} of a tensor of ${this.byteLength}`);
      this.#rest = next.value.slice();
    }
    if (end === this.byteLength) this.#chunks = undefined; // read once, in order: nothing is kept
    return bytes;
  }
}
