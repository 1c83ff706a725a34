import { LtrainError } from "../errors.js";
import type { HostTensor } from "../storage/hostTensor.js";
import type { Dataset } from "./dataset.js";
import type { WorkerSource } from "./workerSource.js";
import { OWN_MODULE } from "./workerSource.js";

/** A long row of tokens cut into examples: `length` tokens to read, and the one that follows each of them to guess. */
export class TokenWindows implements Dataset {
  readonly length: number;
  #tokens: BigInt64Array;
  readonly #window: number;
  readonly #stride: number;

  /** int64 tokens are kept as they are given, others copied. */
  constructor(tokens: ArrayLike<number> | BigInt64Array, windowLength: number, stride = 1) {
    if (![windowLength, stride].every((n) => Number.isInteger(n) && n > 0)) {
      throw new LtrainError(
        "argument.invalid",
        `windows have a length and a stride from 1, got ${windowLength} and ${stride}`,
      );
    }
    this.#tokens =
      tokens instanceof BigInt64Array
        ? tokens
        : BigInt64Array.from(tokens as ArrayLike<unknown>, (token) => BigInt(token as number));
    this.#window = windowLength;
    this.#stride = stride;
    this.length = Math.max(0, Math.floor((this.#tokens.length - windowLength - 1) / stride) + 1);
  }

  getBatch(indices: readonly number[] | Int32Array): [HostTensor, HostTensor] {
    return [this.#gather(indices, 0), this.#gather(indices, 1)];
  }

  /** The tokens move to shared memory, so that they lie there once. */
  toWorker(): WorkerSource {
    if (!(this.#tokens.buffer instanceof SharedArrayBuffer)) {
      const shared = new BigInt64Array(new SharedArrayBuffer(this.#tokens.byteLength));
      shared.set(this.#tokens);
      this.#tokens = shared;
    }
    return { module: OWN_MODULE, name: "TokenWindows", args: [this.#tokens, this.#window, this.#stride] };
  }

  #gather(indices: readonly number[] | Int32Array, shift: number): HostTensor {
    const values = new BigInt64Array(indices.length * this.#window);
    indices.forEach((index, row) => {
      const start = index * this.#stride + shift;
      values.set(this.#tokens.subarray(start, start + this.#window), row * this.#window);
    });
    return { dtype: "int64", shape: [indices.length, this.#window], bytes: new Uint8Array(values.buffer) };
  }
}
