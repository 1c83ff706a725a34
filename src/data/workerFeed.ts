import type { Batch } from "./batch.js";
import type { WorkerPool, WorkerStates } from "./workerPool.js";

/** What a feed has to know of the pass whose batches it fetches. */
export interface WorkerPass {
  readonly pool: WorkerPool;
  /** Batches that each worker makes ahead. */
  readonly prefetchFactor: number;
  /** What the workers' generators are seeded with, the number of the worker added: torch's base_seed. */
  readonly baseSeed: bigint;
  readonly states: WorkerStates;
  /** The first batch that is wanted. */
  readonly first: number;
  /** The examples of a batch; null after the last one. */
  readonly indicesOf: (batch: number) => Int32Array | null;
}

/** The batches of one pass from workers, which are kept busy some batches ahead of whoever takes them. */
export class WorkerFeed {
  readonly pool: WorkerPool;
  readonly #pass: WorkerPass;
  readonly #ahead: number;
  #requested: number;
  /** For each worker the states that its generator had after a batch, oldest first. */
  readonly #states = new Map<number, { readonly after: number; readonly state: Uint8Array }[]>();

  constructor(pass: WorkerPass) {
    const { pool, states, baseSeed, prefetchFactor, first } = pass;
    this.pool = pool;
    this.#pass = pass;
    this.#ahead = prefetchFactor * pool.size;
    this.#requested = first;
    for (const [worker, state] of states) this.#states.set(worker, [{ after: -1, state }]);
    pool.begin(baseSeed, states);
  }

  /** The next batch in order. */
  async take(batch: number): Promise<Batch> {
    this.#request(batch + this.#ahead);
    const { batch: made, random } = await this.pool.take(batch);
    if (random !== null) this.#remember(batch, random);
    this.#request(batch + 1 + this.#ahead); // while the step runs
    return made;
  }

  /** Where the generators stood after `batches` batches, for those that were drawn from. */
  statesAfter(batches: number): WorkerStates {
    const found = new Map<number, Uint8Array>();
    for (const [worker, states] of this.#states) {
      const last = states.findLast(({ after }) => after < batches);
      if (last !== undefined) found.set(worker, last.state);
    }
    return found;
  }

  #request(before: number): void {
    for (; this.#requested < before; this.#requested += 1) {
      const indices = this.#pass.indicesOf(this.#requested);
      if (indices === null) return;
      this.pool.request(this.#requested, indices);
    }
  }

  /** Two are enough: a batch that was handed out and not trained is the furthest that anybody goes back. */
  #remember(batch: number, state: Uint8Array): void {
    const worker = batch % this.pool.size;
    const [last] = (this.#states.get(worker) ?? []).slice(-1);
    this.#states.set(worker, [...(last === undefined ? [] : [last]), { after: batch, state }]);
  }
}
