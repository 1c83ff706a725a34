import { LtrainError } from "../errors.js";
import { PyDict } from "../pickle/values.js";
import type { Generator } from "../tensor/generator.js";
import type { Batch } from "./batch.js";
import type { Collate } from "./collate.js";
import { MapDataset } from "./dataset.js";
import type { Dataset, ItemDataset } from "./dataset.js";
import { LoaderIterator } from "./loaderIterator.js";

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
}

/** Batches of a dataset, drawn exactly as torch's DataLoader draws them. */
export class DataLoader {
  readonly dataset: Dataset;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly generator: Generator | null;

  constructor(dataset: Dataset | ItemDataset, options: DataLoaderOptions = {}) {
    this.dataset = "getBatch" in dataset ? dataset : new MapDataset(dataset, options.collate);
    this.batchSize = options.batchSize ?? 1;
    this.shuffle = options.shuffle ?? false;
    this.dropLast = options.dropLast ?? false;
    this.generator = options.generator ?? null;
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

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void> {
    yield* this.iterate();
  }
}
