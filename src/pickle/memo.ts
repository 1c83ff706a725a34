import { recalledNumbers } from "./recalled.js";
import type { PyValue } from "./values.js";

/** What a pickle puts aside under numbers, and asks for again. What it never asks for is not kept. */
export class Memo {
  readonly #values: (PyValue | undefined)[] = [];
  /** Numbers that are larger than the file has bytes: a lie, or somebody's odd numbering. */
  readonly #far = new Map<number, PyValue>();
  readonly #nearEnd: number;
  /** A bit for each number that is asked for; undefined when all are kept. */
  readonly #recalled: Uint8Array | undefined;
  #size = 0;

  constructor(bytes: Uint8Array, start: number) {
    this.#nearEnd = bytes.byteLength;
    this.#recalled = recalledNumbers(bytes, start);
  }

  /** How many numbers are in use. */
  get size(): number {
    return this.#size;
  }

  /** Whether a number will be asked for, as far as that is known. */
  isAsked(index: number): boolean {
    if (this.#recalled === undefined || index >= this.#nearEnd) return true;
    return ((this.#recalled[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }

  set(index: number, value: PyValue): void {
    if (index >= this.#nearEnd) {
      if (!this.#far.has(index)) this.#size += 1;
      this.#far.set(index, value);
      return;
    }
    if (this.#values[index] === undefined) this.#size += 1;
    this.#values[index] = this.isAsked(index) ? value : null;
  }

  get(index: number): PyValue | undefined {
    return index < this.#nearEnd ? this.#values[index] : this.#far.get(index);
  }
}
