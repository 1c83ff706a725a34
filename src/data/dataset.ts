import { LtrainError } from "../errors.js";
import type { HostTensor } from "../storage/hostTensor.js";
import type { Batch } from "./batch.js";
import { defaultCollate } from "./collate.js";
import type { Collate, Item } from "./collate.js";
import { tensorColumn } from "./column.js";
import type { Column } from "./column.js";
import type { WorkerSource } from "./workerSource.js";
import { OWN_MODULE } from "./workerSource.js";

export type { Batch } from "./batch.js";

/** Examples that are asked for in batches: the one thing a DataLoader needs. */
export interface Dataset {
  readonly length: number;
  /** The examples at `indices`, in that order, as one batch. */
  getBatch(indices: readonly number[] | Int32Array): Batch | Promise<Batch>;
  /** How the workers of a DataLoader make this dataset; without it `numWorkers` must be 0. */
  toWorker?(): WorkerSource;
}

/** Examples that are asked for one by one, as a user's own dataset has them: torch's map-style Dataset. */
export interface ItemDataset {
  readonly length: number;
  getItem(index: number): Item | Promise<Item>;
  /** How the workers of a DataLoader make this dataset; without it `numWorkers` must be 0. */
  toWorker?(): WorkerSource;
}

/** Rows of tensors that belong together: torch's TensorDataset. A batch is the list of their rows. */
export class TensorDataset implements Dataset {
  readonly length: number;
  readonly #columns: readonly Column[];

  constructor(...columns: readonly (HostTensor | Column)[]) {
    this.#columns = columns.map((column) => ("gather" in column ? column : tensorColumn(column)));
    this.length = this.#columns[0]?.length ?? 0;
    const odd = this.#columns.findIndex((column) => column.length !== this.length);
    if (odd !== -1) {
      throw new LtrainError(
        "argument.invalid",
        `tensors of a dataset must have the same number of rows: the first has ${this.length}, ` +
          `number ${odd + 1} has ${this.#columns[odd]?.length ?? 0}`,
      );
    }
  }

  getBatch(indices: readonly number[] | Int32Array): HostTensor[] {
    return this.#columns.map((column) => column.gather(indices));
  }

  toWorker(): WorkerSource {
    return { module: OWN_MODULE, name: "TensorDataset", args: this.#columns };
  }
}

/** Some examples of another dataset, in the order given: torch's Subset. */
export class Subset implements Dataset {
  readonly length: number;
  readonly #dataset: Dataset;
  readonly #indices: Int32Array;

  constructor(dataset: Dataset, indices: ArrayLike<number>) {
    this.#dataset = dataset;
    this.#indices = Int32Array.from(indices);
    this.length = this.#indices.length;
    const outside = this.#indices.find((index) => index < 0 || index >= dataset.length);
    if (outside !== undefined) {
      throw new LtrainError("argument.invalid", `index ${outside} is outside a dataset of ${dataset.length} examples`);
    }
  }

  getBatch(indices: readonly number[] | Int32Array): Batch | Promise<Batch> {
    const chosen = new Int32Array(indices.length);
    for (let i = 0; i < chosen.length; i += 1) chosen[i] = this.#indices[indices[i] ?? 0] ?? 0;
    return this.#dataset.getBatch(chosen);
  }

  toWorker(): WorkerSource {
    return { module: OWN_MODULE, name: "Subset", args: [this.#dataset, this.#indices] };
  }
}

/** A dataset of single items, brought together by `collate`. */
export class MapDataset implements Dataset {
  readonly #items: ItemDataset;
  readonly #collate: Collate;

  constructor(items: ItemDataset, collate: Collate = defaultCollate) {
    this.#items = items;
    this.#collate = collate;
  }

  get length(): number {
    return this.#items.length;
  }

  async getBatch(indices: readonly number[] | Int32Array): Promise<Batch> {
    return this.#collate(await Promise.all(Array.from(indices, async (index) => this.#items.getItem(index))));
  }

  toWorker(): WorkerSource {
    const args = this.#collate === defaultCollate ? [this.#items] : [this.#items, this.#collate];
    return { module: OWN_MODULE, name: "MapDataset", args };
  }
}

/** `start`, `start + 1` … `end - 1`: a slice for Subset. */
export function indexRange(start: number, end: number): Int32Array {
  return Int32Array.from({ length: Math.max(end - start, 0) }, (_, i) => start + i);
}
