import { createHash, type Hash } from "node:crypto";
import { PyDict } from "../pickle/values.js";
import type { LoaderIterator } from "./loaderIterator.js";

/** Hash of nothing: a run before its first example. */
const START = "0".repeat(64);

/**
 * A rolling hash over the indices of all examples a run was trained on, in their order: for every pass the SHA-256 of
 * the hash before it (32 bytes) and of the pass's indices (little-endian int32). Two runs with the same hash have seen
 * the same examples in the same order.
 */
export class ConsumedSamples {
  #before = START;
  #examplesBefore = 0;
  /** The hash as far as it was wanted: the next one goes on from there. */
  #running: { readonly pass: LoaderIterator; readonly hash: Hash; examples: number } | null = null;

  /** A pass is over, or given up: what it handed out counts as before. */
  endPass(pass: LoaderIterator): void {
    const examples = pass.examplesIn(pass.batches);
    this.#before = this.#hashAfter(pass, examples);
    this.#examplesBefore += examples;
    this.#running = null;
  }

  /** All there is to say after `batches` batches of a pass. */
  stateDict(pass: LoaderIterator | null, batches: number): PyDict {
    const examples = pass?.examplesIn(batches) ?? 0;
    return PyDict.from({
      examples: this.#examplesBefore + examples,
      in_pass: examples,
      hash_before_pass: this.#before,
      hash: pass === null ? this.#before : this.#hashAfter(pass, examples),
    });
  }

  /**
   * Go on from a state. `pass` is the one it was written in; false when its examples come in another order here.
   * `isOver`: the next pass is another one.
   */
  loadStateDict(state: PyDict, pass: LoaderIterator, isOver: boolean): boolean {
    const [before, hash] = [text(state, "hash_before_pass"), text(state, "hash")];
    const [examples, inPass] = [count(state, "examples"), count(state, "in_pass")];
    this.#before = before;
    this.#running = null;
    const isSame = pass.knowsOrder(inPass) && this.#hashAfter(pass, inPass) === hash;
    this.#examplesBefore = isOver ? examples : examples - inPass;
    if (isOver) {
      this.#before = hash;
      this.#running = null;
    }
    return isSame;
  }

  #hashAfter(pass: LoaderIterator, examples: number): string {
    let running = this.#running;
    if (running?.pass !== pass || running.examples > examples) {
      running = { pass, hash: createHash("sha256").update(this.#before, "hex"), examples: 0 };
    }
    for (const indices of pass.orderOf(running.examples, examples)) {
      running.hash.update(new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength));
    }
    running.examples = examples;
    this.#running = running;
    return running.hash.copy().digest("hex");
  }
}

function text(state: PyDict, key: string): string {
  const value = state.get(key);
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value) ? value : START;
}

function count(state: PyDict, key: string): number {
  const value = state.get(key);
  return typeof value === "number" && value >= 0 ? value : 0;
}
