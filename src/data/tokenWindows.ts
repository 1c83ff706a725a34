import { LtrainError } from "../errors.js";
import type { HostTensor } from "../storage/hostTensor.js";
import type { Dataset } from "./dataset.js";

/** A long row of tokens cut into examples: `length` tokens to read, and the one that follows each of them to guess. */
export class TokenWindows implements Dataset {
  readonly length: number;
  readonly #tokens: BigInt64Array;
  readonly #window: number;
  readonly #stride: number;

  constructor(tokens: ArrayLike<number>, windowLength: number, stride = 1) {
    if (![windowLength, stride].every((n) => Number.isInteger(n) && n > 0)) {
      throw new LtrainError(
        "argument.invalid",
        `windows have a length and a stride from 1, got ${windowLength} and ${stride}`,
      );
    }
    this.#tokens = BigInt64Array.from(tokens as ArrayLike<unknown>, (token) => BigInt(token as number));
    this.#window = windowLength;
    this.#stride = stride;
    this.length = Math.max(0, Math.floor((this.#tokens.length - windowLength - 1) / stride) + 1);
  }

  getBatch(indices: readonly number[] | Int32Array): [HostTensor, HostTensor] {
    return [this.#gather(indices, 0), this.#gather(indices, 1)];
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
