import { LtrainError } from "../errors.js";
import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { Generator, defaultGenerator, randint64, randperm } from "../tensor/generator.js";
import type { Batch } from "./batch.js";
import type { Dataset } from "./dataset.js";

/** What an iterator has to know of its loader. */
export interface LoaderPlan {
  readonly dataset: Dataset;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly generator: Generator | null;
  /** Number of batches. */
  readonly length: number;
}

/** The order of one shuffled pass can be found again from one of these, written before it was drawn. */
type Origin =
  { readonly kind: "seed"; readonly seed: bigint } | { readonly kind: "generator"; readonly state: Uint8Array } | null;

/**
 * One pass over a loader's batches. Random numbers are drawn when torch draws them: one when the iterator is made,
 * shuffled or not, and the order's own when the first batch is asked for.
 */
export class LoaderIterator implements AsyncIterableIterator<Batch, void> {
  readonly #plan: LoaderPlan;
  #order: Int32Array | null = null;
  #origin: Origin = null;
  #handedOut = 0;

  constructor(plan: LoaderPlan, state?: PyDict) {
    this.#plan = plan;
    if (state === undefined) {
      randint64(plan.generator ?? defaultGenerator); // torch's base_seed for worker processes
      return;
    }
    this.#handedOut = readBatches(state, plan);
    this.#origin = readOrigin(state);
    // A generator of the loader's own must stand where it stood, also when no batch is left.
    if (this.#origin?.kind === "generator") this.#orderOfPass();
  }

  /** Batches handed out so far, counting those before a resume. */
  get batches(): number {
    return this.#handedOut;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Batch, void>> {
    const { dataset, batchSize, dropLast } = this.#plan;
    const start = this.#handedOut * batchSize;
    const end = Math.min(start + batchSize, dataset.length);
    // A pass that is over draws nothing; a pass over nothing has nothing to draw.
    if (start >= end || (dropLast && end - start < batchSize)) return { done: true, value: undefined };
    const indices = this.#orderOfPass()?.subarray(start, end) ?? rangeOf(start, end);
    this.#handedOut += 1;
    return { done: false, value: await dataset.getBatch(indices) };
  }

  /** Where this pass stands after `batches` batches, in plain types; `DataLoader.iterate` takes it. */
  state(batches = this.#handedOut): PyDict {
    const origin = this.#origin;
    return PyDict.from({
      batches,
      batch_size: this.#plan.batchSize,
      num_examples: this.#plan.dataset.length,
      sampler_seed: origin?.kind === "seed" ? origin.seed : null,
      generator_state: origin?.kind === "generator" ? origin.state : null,
    });
  }

  /** The permutation of this pass, drawn once; null where examples come in their own order. */
  #orderOfPass(): Int32Array | null {
    const { dataset, generator, shuffle } = this.#plan;
    if (!shuffle) return null;
    if (this.#order !== null) return this.#order;
    if (generator === null) {
      const seed = this.#origin?.kind === "seed" ? this.#origin.seed : randint64(defaultGenerator);
      this.#origin = { kind: "seed", seed };
      this.#order = randperm(new Generator(seed), dataset.length);
    } else {
      if (this.#origin?.kind === "generator") {
        const { state } = this.#origin;
        generator.setState({ dtype: "uint8", shape: [state.byteLength], bytes: state });
      }
      this.#origin = { kind: "generator", state: generator.getState().bytes };
      this.#order = randperm(generator, dataset.length);
    }
    return this.#order;
  }
}

function rangeOf(start: number, end: number): Int32Array {
  const indices = new Int32Array(end - start);
  for (let i = 0; i < indices.length; i += 1) indices[i] = start + i;
  return indices;
}

/** The position, once it is known to mean the same examples as when it was written. */
function readBatches(state: PyDict, plan: LoaderPlan): number {
  const batches = state.get("batches");
  if (typeof batches !== "number" || !Number.isInteger(batches) || batches < 0) {
    throw new LtrainError(
      "checkpoint.malformed",
      `data position: "batches" must be a number of batches, got ${describeState(batches)}`,
    );
  }
  const inMidPass = batches > 0 && batches < plan.length;
  const sides = [
    ["batch_size", plan.batchSize],
    ["num_examples", plan.dataset.length],
  ] as const;
  for (const [key, here] of sides) {
    const there = state.get(key);
    if (inMidPass && there !== undefined && there !== here) {
      throw new LtrainError(
        "checkpoint.mismatch",
        `the checkpoint stands after batch ${batches} of a pass with ${key} ${describeState(there)}; here ${key} is ${here}`,
        { hint: "resume with the same data and batch size, or from a checkpoint at the end of an epoch" },
      );
    }
  }
  return batches;
}

/** A number as it is, anything else by its kind. */
function describeState(value: PyValue | undefined): string {
  return typeof value === "number" || typeof value === "bigint" ? String(value) : typeof value;
}

function readOrigin(state: PyDict): Origin {
  const seed = state.get("sampler_seed");
  if (typeof seed === "number" || typeof seed === "bigint") return { kind: "seed", seed: BigInt(seed) };
  const bytes = state.get("generator_state");
  return bytes instanceof Uint8Array ? { kind: "generator", state: bytes } : null;
}
