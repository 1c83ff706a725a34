import { LtrainError } from "../errors.js";
import { revivedError } from "../io/threadFailure.js";
import { WorkerThread } from "../io/workerThread.js";
import type { ThreadListener } from "../io/workerThread.js";
import type { Batch } from "./batch.js";
import type { Dataset } from "./dataset.js";
import { unpackBatch } from "./packedBatch.js";
import type { WorkerAnswer, WorkerRequest } from "./workerMessages.js";
import type { PackedSource } from "./workerSource.js";
import { packSource } from "./workerSource.js";

/** The module that a worker runs, built: a thread of Node's takes no TypeScript. It is the same seen from src and dist. */
const WORKER = new URL("../../dist/data/loaderWorker.js", import.meta.url);

/** Where workers' random generators stand, by the number of the worker. */
export type WorkerStates = ReadonlyMap<number, Uint8Array>;

/**
 * Threads that make the batches of a loader, as torch's workers do: batch k is made by worker k modulo their number,
 * one after the other, so that random transforms draw the same numbers however long each batch takes.
 */
export class WorkerPool {
  readonly size: number;
  readonly #threads: readonly WorkerThread[];
  readonly #answers = new Map<number, WorkerAnswer>();
  #pass = 0;
  /** Set while somebody waits for a batch. */
  #wake: (() => void) | null = null;
  /** Why a worker is gone, by its number. */
  readonly #failures = new Map<number, Error>();

  constructor(dataset: Dataset, size: number) {
    const source = packSource(dataset);
    this.size = size;
    this.#threads = Array.from({ length: size }, (_, worker) => {
      const failed = (reason: string): void => {
        this.#failed(worker, reason);
      };
      const message = (answer: unknown): void => {
        this.#hear(answer as WorkerAnswer);
      };
      return startThread(source, { message, failed });
    });
  }

  /** Whether a worker is gone. */
  get isBroken(): boolean {
    return this.#failures.size > 0;
  }

  /** Begin a pass; what was asked for in an earlier one is forgotten. */
  begin(baseSeed: bigint, states: WorkerStates): void {
    this.#pass += 1;
    this.#answers.clear();
    for (const [worker, thread] of this.#threads.entries()) {
      const seed = BigInt.asUintN(64, baseSeed + BigInt(worker));
      thread.post({ kind: "pass", pass: this.#pass, seed, random: states.get(worker) ?? null } satisfies WorkerRequest);
    }
  }

  /** Have a batch made. */
  request(batch: number, indices: Int32Array): void {
    // A copy: what is posted of a view is all the memory under it.
    const request: WorkerRequest = { kind: "batch", pass: this.#pass, batch, indices: indices.slice() };
    this.#threads[batch % this.size]?.post(request);
  }

  /** A batch that was requested, and the state of its worker's generator where the batch drew from it. */
  async take(batch: number): Promise<{ readonly batch: Batch; readonly random: Uint8Array | null }> {
    const worker = batch % this.size;
    const thread = this.#threads[worker];
    thread?.drain();
    while (!this.#answers.has(batch)) {
      const failure = this.#failures.get(worker);
      if (failure !== undefined) throw failure;
      await this.#next(thread);
    }
    const answer = this.#answers.get(batch);
    this.#answers.delete(batch);
    if (answer === undefined) throw new Error("the answer is gone");
    if ("failure" in answer) throw revivedError(answer.failure);
    return { batch: unpackBatch(answer.packed), random: answer.random };
  }

  /** End the threads. */
  async close(): Promise<void> {
    for (const worker of this.#threads.keys()) this.#failures.set(worker, new Error("the workers were closed"));
    this.#wake?.();
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  async #next(thread: WorkerThread | undefined): Promise<void> {
    thread?.hold();
    try {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    } finally {
      this.#wake = null;
      thread?.release();
    }
  }

  #hear(answer: WorkerAnswer): void {
    if (answer.pass !== this.#pass) return;
    this.#answers.set(answer.batch, answer);
    this.#wake?.();
  }

  #failed(worker: number, reason: string): void {
    const error = new LtrainError("user.failed", `data worker ${worker} of ${this.size} is gone: ${reason}`, {
      hint: "with num_workers 0 the dataset runs in the main thread, where its error can be seen",
    });
    this.#failures.set(worker, error);
    this.#wake?.();
  }
}

function startThread(source: PackedSource, listener: ThreadListener): WorkerThread {
  try {
    return new WorkerThread(WORKER, source, listener);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new LtrainError(
      "argument.invalid",
      `a dataset's toWorker() gives what no thread can take: ${error.message}`,
      {
        hint: "its args are plain values, typed arrays, and objects that have a toWorker() themselves",
        cause: error,
      },
    );
  }
}
