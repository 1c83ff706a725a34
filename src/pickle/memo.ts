import { recalledNumbers } from "./recalled.js";
import type { PyValue } from "./values.js";

/** What a pickle puts aside under numbers, and asks for again. Of what it never asks for only the number is kept. */
export class Memo {
  readonly #values = new Map<number, PyValue>();
  /** Numbers that are not smaller than the file has bytes: a lie, or somebody's odd numbering. */
  readonly #nearEnd: number;
  /** A bit for each number that is asked for; undefined when all are kept. */
  readonly #recalled: Uint8Array | undefined;
  /** A bit for each number that is in use and not asked for. */
  readonly #passed: Uint8Array;
  #size = 0;

  constructor(bytes: Uint8Array, start: number) {
    this.#nearEnd = bytes.byteLength;
    this.#recalled = recalledNumbers(bytes, start);
    this.#passed = new Uint8Array(this.#recalled?.byteLength ?? 0);
  }

  /** How many numbers are in use. */
  get size(): number {
    return this.#size + this.#values.size;
  }

  /** Whether a number will be asked for, as far as that is known. */
  isAsked(index: number): boolean {
    if (this.#recalled === undefined || index >= this.#nearEnd) return true;
    return ((this.#recalled[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }

  set(index: number, value: PyValue): void {
    if (this.isAsked(index)) this.#values.set(index, value);
    else this.pass(index);
  }

  /** Take a number that is not asked for into use. */
  pass(index: number): void {
    const byte = this.#passed[index >> 3] ?? 0;
    const bit = 1 << (index & 7);
    if ((byte & bit) !== 0) return;
    this.#passed[index >> 3] = byte | bit;
    this.#size += 1;
  }

  /** undefined also for a number in use of which `isAsked` is false: whoever asks for it has not been foreseen. */
  get(index: number): PyValue | undefined {
    return this.#values.get(index);
  }
}
