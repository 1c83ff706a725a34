import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { PickleCutShort, readPickle } from "../pickle/unpickler.js";
import type { Unpickled, UnpickleOptions } from "../pickle/unpickler.js";

/** The first window; the pickles of most files fit. */
const FIRST_WINDOW = 1 << 16;
/** The pickle of a model with a million tensors; a longer one is not read. */
const MAX_PICKLE_BYTES = 1 << 28;

/** A source that holds pickles one after the other, with other bytes between them; nothing says how long each is. */
export class PickleStream {
  readonly #source: ByteSource;
  readonly #end: number;
  #window: { readonly start: number; readonly bytes: Uint8Array } = { start: 0, bytes: new Uint8Array(0) };
  /** Where the next pickle begins. */
  at: number;

  constructor(source: ByteSource, start = 0, end = source.byteLength) {
    this.#source = source;
    this.at = start;
    this.#end = end;
  }

  /** Read the next pickle, in windows that grow until it is whole. */
  async next(name: string, options: Pick<UnpickleOptions, "persistentLoad" | "findClass"> = {}): Promise<Unpickled> {
    for (let length = FIRST_WINDOW; ;) {
      const bytes = await this.#bytes(length);
      const whole = this.at + bytes.byteLength >= this.#end;
      try {
        const read = readPickle(bytes, { ...options, name });
        this.at += read.end;
        return read;
      } catch (error) {
        if (!(error instanceof PickleCutShort) || whole || this.at + error.needed > this.#end) throw error;
        length = Math.max(length * 4, error.needed);
        if (length <= MAX_PICKLE_BYTES) continue;
        throw new LtrainError("checkpoint.malformed", `${name} has no end within ${MAX_PICKLE_BYTES} bytes`, {
          hint: "the file may be damaged; compare it with the original",
        });
      }
    }
  }

  /** Skip bytes that are no pickle, and give them. */
  async take(length: number): Promise<Uint8Array> {
    if (this.at + length > this.#end) {
      throw new LtrainError(
        "checkpoint.malformed",
        `the file is cut short: ${length} bytes are needed at byte ${this.at}, and it ends at byte ${this.#end}`,
        { hint: "compare its size with the original" },
      );
    }
    const { start, bytes } = this.#window;
    const from = this.at - start;
    const inWindow = from >= 0 && from + length <= bytes.byteLength;
    const taken = inWindow ? bytes.subarray(from, from + length) : await this.#source.read(this.at, this.at + length);
    this.at += length;
    return taken;
  }

  /** Up to `length` bytes from here on, out of the last window where it has them. */
  async #bytes(length: number): Promise<Uint8Array> {
    const wanted = Math.min(length, this.#end - this.at);
    const { start, bytes } = this.#window;
    const from = this.at - start;
    const left = bytes.byteLength - from;
    // What is left of a window is tried first: small pickles follow each other.
    if (from >= 0 && left > 0 && (left >= wanted || length === FIRST_WINDOW)) return bytes.subarray(from);
    this.#window = { start: this.at, bytes: await this.#source.read(this.at, this.at + wanted) };
    return this.#window.bytes;
  }
}
