import { LtrainError } from "../errors.js";
import { PyDict } from "../pickle/values.js";
import type { Generator } from "../tensor/generator.js";
import type { Batch } from "./batch.js";
import type { Collate } from "./collate.js";
import { MapDataset } from "./dataset.js";
import type { Dataset, ItemDataset } from "./dataset.js";
import { LoaderIterator } from "./loaderIterator.js";
import { WorkerPool } from "./workerPool.js";

/** How a DataLoader makes its batches; the defaults are torch's. */
export interface DataLoaderOptions {
  readonly batchSize?: number;
  /** A new permutation for every iterator. */
  readonly shuffle?: boolean;
  /** Leave out the last batch when it is not full. */
  readonly dropLast?: boolean;
  /** Where random numbers come from; the process-wide generator when absent. */
  readonly generator?: Generator;
  /** For datasets of single items: makes one batch of several. */
  readonly collate?: Collate;
  /** Threads that make batches while a step runs; 0: they are made when they are asked for, in this thread. */
  readonly numWorkers?: number;
  /** Batches that each worker makes ahead; 2 when not given. */
  readonly prefetchFactor?: number;
  /** Keep the workers from one pass to the next; the batches are the same. */
  readonly persistentWorkers?: boolean;
}

/** Batches of a dataset, drawn exactly as torch's DataLoader draws them. */
export class DataLoader {
  readonly dataset: Dataset;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly generator: Generator | null;
  readonly numWorkers: number;
  readonly prefetchFactor: number;
  readonly persistentWorkers: boolean;
  #pool: WorkerPool | null = null;

  constructor(dataset: Dataset | ItemDataset, options: DataLoaderOptions = {}) {
    this.dataset = "getBatch" in dataset ? dataset : new MapDataset(dataset, options.collate);
    this.batchSize = options.batchSize ?? 1;
    this.shuffle = options.shuffle ?? false;
    this.dropLast = options.dropLast ?? false;
    this.generator = options.generator ?? null;
    this.numWorkers = options.numWorkers ?? 0;
    this.prefetchFactor = options.prefetchFactor ?? 2;
    this.persistentWorkers = options.persistentWorkers ?? false;
    checkWorkers(options);
    if (!Number.isInteger(this.batchSize) || this.batchSize < 1) {
      throw new LtrainError("argument.invalid", `batch_size must be a positive integer, got ${this.batchSize}`);
    }
    if (this.shuffle && this.dataset.length === 0) {
      throw new LtrainError("argument.invalid", "a dataset without examples cannot be shuffled");
    }
  }

  /** Number of batches. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /**
   * One pass over the dataset. With the state of an earlier iterator it goes on where that one stood, without drawing
   * a random number: the order comes from the seed in the state.
   */
  iterate(state?: PyDict): LoaderIterator {
    return new LoaderIterator(this, state);
  }

  /** The same loader without shuffling. */
  inOrder(): DataLoader {
    const { batchSize, dropLast, generator, numWorkers, prefetchFactor, persistentWorkers } = this;
    const workers = numWorkers === 0 ? {} : { numWorkers, prefetchFactor, persistentWorkers };
    return new DataLoader(this.dataset, { batchSize, dropLast, ...(generator !== null && { generator }), ...workers });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void> {
    yield* this.iterate();
  }

  /** The workers for a pass: those that were kept, or new ones; null where there are to be none. */
  takeWorkers(): WorkerPool | null {
    if (this.numWorkers === 0) return null;
    const kept = this.#pool;
    this.#pool = null;
    return kept ?? new WorkerPool(this.dataset, this.numWorkers);
  }

  /** A pass gives its workers back: they are kept for the next one, or ended. */
  async giveBack(workers: WorkerPool): Promise<void> {
    const keeps = this.persistentWorkers && this.#pool === null && !workers.isBroken;
    if (keeps) this.#pool = workers;
    else await workers.close();
  }

  /** End the workers that are kept. The loader may be used again. */
  async close(): Promise<void> {
    const kept = this.#pool;
    this.#pool = null;
    await kept?.close();
  }
}

/** Torch's rules for what goes together. */
function checkWorkers({ numWorkers = 0, prefetchFactor, persistentWorkers = false }: DataLoaderOptions): void {
  if (!Number.isInteger(numWorkers) || numWorkers < 0) {
    throw new LtrainError("argument.invalid", `num_workers must be a whole number from 0, got ${numWorkers}`);
  }
  if (prefetchFactor !== undefined && !(Number.isInteger(prefetchFactor) && prefetchFactor > 0)) {
    throw new LtrainError("argument.invalid", `prefetch_factor must be a whole number from 1, got ${prefetchFactor}`);
  }
  if (numWorkers > 0) return;
  const extra = prefetchFactor !== undefined ? "prefetch_factor" : persistentWorkers ? "persistent_workers" : null;
  if (extra !== null) throw new LtrainError("argument.invalid", `${extra} is for workers, and num_workers is 0`);
}
