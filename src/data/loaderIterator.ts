import { LtrainError } from "../errors.js";
import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { Generator, defaultGenerator, randint64, randperm } from "../tensor/generator.js";
import type { Batch } from "./batch.js";
import type { Dataset } from "./dataset.js";
import { WorkerFeed } from "./workerFeed.js";
import type { WorkerPool, WorkerStates } from "./workerPool.js";

/** What an iterator has to know of its loader. */
export interface LoaderPlan {
  readonly dataset: Dataset;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly generator: Generator | null;
  /** Number of batches. */
  readonly length: number;
  readonly numWorkers: number;
  readonly prefetchFactor: number;
  /** The workers for a pass; null where there are to be none. */
  takeWorkers(): WorkerPool | null;
  /** Called with them when the pass is over, or given up. */
  giveBack(workers: WorkerPool): Promise<void>;
}

/** Indices at a time, where many are asked for. */
const ORDER_PIECE = 1 << 16;

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
  /** What workers are seeded with. */
  readonly #baseSeed: bigint;
  #states: WorkerStates = new Map();
  #feed: WorkerFeed | null = null;

  constructor(plan: LoaderPlan, state?: PyDict) {
    this.#plan = plan;
    if (state === undefined) {
      this.#baseSeed = randint64(plan.generator ?? defaultGenerator); // drawn with and without workers
      return;
    }
    this.#handedOut = readBatches(state, plan);
    this.#origin = readOrigin(state);
    this.#baseSeed = asBigInt(state.get("base_seed")) ?? 0n;
    this.#states = readWorkerStates(state, plan);
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

  /** Draw what decides which examples the next batch has, if that is not known yet. */
  prepare(): void {
    this.#indicesOf(this.#handedOut);
  }

  async next(): Promise<IteratorResult<Batch, void>> {
    const indices = this.#indicesOf(this.#handedOut);
    if (indices === null) return this.return();
    const batch = await this.#make(this.#handedOut, indices);
    this.#handedOut += 1;
    // Whoever counts batches does not ask for one after the last.
    if (this.#indicesOf(this.#handedOut) === null) await this.return();
    return { done: false, value: batch };
  }

  /** Give the pass up, or end it: its workers go. */
  async return(): Promise<IteratorResult<Batch, void>> {
    const feed = this.#feed;
    if (feed !== null) {
      this.#states = feed.statesAfter(this.#handedOut);
      this.#feed = null;
      await this.#plan.giveBack(feed.pool);
    }
    return { done: true, value: undefined };
  }

  /** Where this pass stands after `batches` batches, in plain types; `DataLoader.iterate` takes it. */
  state(batches = this.#handedOut): PyDict {
    const origin = this.#origin;
    const { batchSize, dataset, numWorkers } = this.#plan;
    const state = PyDict.from({
      batches,
      batch_size: batchSize,
      num_examples: dataset.length,
      sampler_seed: origin?.kind === "seed" ? origin.seed : null,
      generator_state: origin?.kind === "generator" ? origin.state : null,
    });
    if (numWorkers === 0) return state;
    const states = this.#feed?.statesAfter(batches) ?? this.#states;
    return state
      .set("base_seed", this.#baseSeed)
      .set("num_workers", numWorkers)
      .set("worker_states", new PyDict([...states]));
  }

  /** Examples in the first `batches` batches. */
  examplesIn(batches: number): number {
    return Math.min(batches * this.#plan.batchSize, this.#plan.dataset.length);
  }

  /** Whether the order in which examples were handed out can be found again, if there were so many. */
  knowsOrder(examples: number): boolean {
    const isDrawn = !this.#plan.shuffle || this.#origin !== null;
    return examples === 0 || (isDrawn && examples <= this.#plan.dataset.length);
  }

  /** Indices of the examples from place `start` to place `end` of this pass, in pieces. */
  *orderOf(start: number, end: number): IterableIterator<Int32Array> {
    for (let from = start; from < end; from += ORDER_PIECE) {
      const to = Math.min(from + ORDER_PIECE, end);
      yield this.#orderOfPass()?.subarray(from, to) ?? rangeOf(from, to);
    }
  }

  /** The examples of a batch; null after the last one. A pass over nothing has nothing to draw. */
  #indicesOf(batch: number): Int32Array | null {
    const { dataset, batchSize, dropLast } = this.#plan;
    const start = batch * batchSize;
    const end = Math.min(start + batchSize, dataset.length);
    if (start >= end || (dropLast && end - start < batchSize)) return null;
    return this.#orderOfPass()?.subarray(start, end) ?? rangeOf(start, end);
  }

  async #make(batch: number, indices: Int32Array): Promise<Batch> {
    this.#feed ??= this.#startWorkers();
    return this.#feed === null ? this.#plan.dataset.getBatch(indices) : this.#feed.take(batch);
  }

  /** Not before the first batch is asked for: an iterator may be made for its state alone. */
  #startWorkers(): WorkerFeed | null {
    const pool = this.#plan.takeWorkers();
    if (pool === null) return null;
    const indicesOf = (batch: number): Int32Array | null => this.#indicesOf(batch);
    const { prefetchFactor } = this.#plan;
    const [baseSeed, states, first] = [this.#baseSeed, this.#states, this.#handedOut];
    return new WorkerFeed({ pool, prefetchFactor, baseSeed, states, first, indicesOf });
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
  const inMidPass = batches > 0 && batches < lengthThere(state, plan);
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

/** Batches of the pass that the position is in: with another batch size than here there were others. */
function lengthThere(state: PyDict, plan: LoaderPlan): number {
  const [size, examples] = [state.get("batch_size"), state.get("num_examples")];
  if (typeof size !== "number" || typeof examples !== "number" || !(size > 0)) return plan.length;
  return plan.dropLast ? Math.floor(examples / size) : Math.ceil(examples / size);
}

/** A number as it is, anything else by its kind. */
function describeState(value: PyValue | undefined): string {
  return typeof value === "number" || typeof value === "bigint" ? String(value) : typeof value;
}

/** The workers' generators: batches are theirs by turns, so in mid-pass their number must be the same. */
function readWorkerStates(state: PyDict, plan: LoaderPlan): WorkerStates {
  const states = new Map<number, Uint8Array>();
  const saved = state.get("worker_states");
  for (const [worker, bytes] of saved instanceof PyDict ? saved : []) {
    if (typeof worker === "number" && bytes instanceof Uint8Array) states.set(worker, bytes);
  }
  const before = state.get("num_workers");
  const batches = state.get("batches");
  const inMidPass = typeof batches === "number" && batches > 0 && batches < plan.length;
  if (inMidPass && states.size > 0 && before !== plan.numWorkers) {
    throw new LtrainError(
      "checkpoint.mismatch",
      `the checkpoint stands in a pass whose ${describeState(before)} workers drew random numbers; ` +
        `here num_workers is ${plan.numWorkers}, and they would draw others`,
      { hint: "resume with the same num_workers, or from a checkpoint at the end of an epoch" },
    );
  }
  return states;
}

function asBigInt(value: PyValue | undefined): bigint | null {
  return typeof value === "number" || typeof value === "bigint" ? BigInt(value) : null;
}

function readOrigin(state: PyDict): Origin {
  const seed = asBigInt(state.get("sampler_seed"));
  if (seed !== null) return { kind: "seed", seed };
  const bytes = state.get("generator_state");
  return bytes instanceof Uint8Array ? { kind: "generator", state: bytes } : null;
}
