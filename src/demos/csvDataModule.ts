import { LightningDataModule } from "../core/lightningDataModule.js";
import { columnIndex, readCsv } from "../data/csv.js";
import type { CsvTable } from "../data/csv.js";
import { DataLoader } from "../data/dataLoader.js";
import { Subset, TensorDataset, indexRange } from "../data/dataset.js";
import { LtrainError } from "../errors.js";
import { fileExists, readText } from "../io/textFile.js";
import { asItems, asNumber } from "../pickle/convert.js";
import type { PyValue } from "../pickle/values.js";
import { PyDict, PyFloat } from "../pickle/values.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { float32Tensor } from "../storage/hostTensor.js";
import { Generator, randperm } from "../tensor/generator.js";
import type { ColumnScale } from "./standardize.js";
import { columnScale, standardize } from "./standardize.js";

/** init_args of CSVDataModule, by their names in YAML and in the checkpoint. */
export interface CSVDataModuleArgs {
  readonly path: string;
  /** The column to predict; all others are features. */
  readonly target: string;
  readonly batch_size?: number;
  /** classification: the target is a class number from 0, given as int64; regression: any number, as float32 [n, 1]. */
  readonly task?: "classification" | "regression";
  /** Rows kept for validation: a part below 1, or their number. */
  readonly val_split?: number;
  /** Which rows those are: drawn with `seed`, or the last ones of the file. */
  readonly val_rows?: "random" | "tail";
  readonly seed?: number;
  /** Give every feature mean 0 and deviation 1, by the training rows' statistics. */
  readonly standardize?: boolean;
  readonly shuffle?: boolean;
  /** Threads that make batches while a step runs; 0 for none. */
  readonly num_workers?: number;
}

interface Parts {
  readonly data: TensorDataset;
  readonly train: Int32Array;
  readonly val: Int32Array;
}

/** The columns that are features, in their order, and how they are standardized. */
interface Features {
  readonly columns: readonly string[];
  readonly scale: ColumnScale | null;
}

/** The rows of a CSV file of numbers: one column is the target, the others are the features. */
export class CSVDataModule extends LightningDataModule {
  readonly #args: Required<CSVDataModuleArgs>;
  #parts: Parts | null = null;
  /** What training has made of the columns: from the file, or from a checkpoint. */
  #features: Features | null = null;

  constructor(args: CSVDataModuleArgs) {
    super();
    const { path, target, batch_size = 32, task = "classification", val_split = 0.2, val_rows = "random" } = args;
    const { seed = 42, standardize = false, shuffle = true, num_workers = 0 } = args;
    this.#args = { path, target, batch_size, task, val_split, val_rows, seed, standardize, shuffle, num_workers };
    this.saveHyperparameters(this.#args);
  }

  override async prepareData(): Promise<void> {
    const { path } = this.#args;
    if (await fileExists(path)) return;
    throw new LtrainError("data.missing", `there is no file ${path}`, {
      hint: "data.init_args.path is relative to the config file that names it, or to the folder you are in",
    });
  }

  override async setup(): Promise<void> {
    if (this.#parts !== null) return;
    const { path, target, standardize: isStandardized } = this.#args;
    const table = readCsv(await readText(path), path);
    const targetColumn = columnIndex(table, target, path);
    if (table.columns.length < 2) {
      throw new LtrainError("data.malformed", `${path}:1:1: there is no column beside the target "${target}"`);
    }
    const { train, val } = this.#split(table.rows);
    const columns = table.columns.filter((_, column) => column !== targetColumn);
    const features = featuresOf(table, columns, path);
    const scale = isStandardized ? columnScale(features, columns.length, train) : null;
    if (scale !== null) standardize(features, scale);
    this.#features = { columns, scale };
    const data = new TensorDataset(
      float32Tensor(Float32Array.from(features), [table.rows, table.columns.length - 1]),
      this.#targets(table, targetColumn),
    );
    this.#parts = { data, train, val };
  }

  override trainDataloader(): DataLoader {
    const { data, train } = this.#ready();
    const { batch_size: batchSize, shuffle, num_workers: numWorkers } = this.#args;
    return new DataLoader(new Subset(data, train), { batchSize, shuffle, numWorkers });
  }

  override valDataloader(): DataLoader | null {
    const { data, val } = this.#ready();
    const { batch_size: batchSize, num_workers: numWorkers } = this.#args;
    return val.length === 0 ? null : new DataLoader(new Subset(data, val), { batchSize, numWorkers });
  }

  /** All rows of the file, in its order. */
  override predictDataloader(): DataLoader {
    const { batch_size: batchSize, num_workers: numWorkers } = this.#args;
    return new DataLoader(this.#ready().data, { batchSize, numWorkers });
  }

  /** The rows of another file, its columns found by name and standardized as in training; the target may be missing. */
  override async inputDataloader(path: string): Promise<DataLoader> {
    if (this.#features === null) {
      await this.prepareData();
      await this.setup();
    }
    const { columns, scale } = this.#features ?? { columns: [], scale: null };
    const table = readCsv(await readText(path), path);
    const features = featuresOf(table, columns, path);
    if (scale !== null) standardize(features, scale);
    const rows = float32Tensor(Float32Array.from(features), [table.rows, columns.length]);
    return new DataLoader(new TensorDataset(rows), { batchSize: this.#args.batch_size });
  }

  /** The features' names and scales, so that other rows can be predicted without the file. */
  override stateDict(): PyDict | null {
    if (this.#features === null) return null;
    const { columns, scale } = this.#features;
    const floats = (values: Float64Array): PyFloat[] => Array.from(values, (value) => new PyFloat(value));
    return PyDict.from({
      columns: [...columns],
      ...(scale === null ? {} : { mean: floats(scale.mean), deviation: floats(scale.deviation) }),
    });
  }
  override loadStateDict(state: PyDict): void {
    const columns = asItems(state.get("columns"))?.filter((column) => typeof column === "string");
    if (columns === undefined || this.#features !== null) return; // the file that is here has its own
    const [mean, deviation] = [asItems(state.get("mean")), asItems(state.get("deviation"))];
    const numbers = (items: readonly PyValue[]): Float64Array =>
      Float64Array.from(items, (item) => asNumber(item) ?? 0);
    const isScaled = mean !== undefined && deviation !== undefined;
    this.#features = { columns, scale: isScaled ? { mean: numbers(mean), deviation: numbers(deviation) } : null };
  }

  #ready(): Parts {
    if (this.#parts === null) throw new LtrainError("training.failed", "CSVDataModule: setup was not called");
    return this.#parts;
  }

  /** Indices for training and validation; the same seed draws the same ones, whatever else was drawn before. */
  #split(rows: number): { readonly train: Int32Array; readonly val: Int32Array } {
    const { val_split: valSplit, val_rows: valRows, seed, path } = this.#args;
    const count = valSplit < 1 ? Math.floor(rows * valSplit) : valSplit;
    if (!Number.isInteger(count) || count < 0 || count >= rows) {
      throw new LtrainError(
        "config.invalid",
        `CSVDataModule: val_split ${valSplit} leaves nothing to train on of the ${rows} rows of ${path}`,
        { hint: "give a part below 1, such as 0.2, or a number of rows; 0 is no validation" },
      );
    }
    const order = valRows === "random" ? randperm(new Generator(seed), rows) : indexRange(0, rows);
    return { train: order.slice(0, rows - count), val: order.slice(rows - count) };
  }

  #targets(table: CsvTable, column: number): HostTensor {
    const { task, path, target } = this.#args;
    const values = Float64Array.from(
      { length: table.rows },
      (_, row) => table.values[row * table.columns.length + column] ?? 0,
    );
    if (task === "regression") return float32Tensor(Float32Array.from(values), [table.rows, 1]);
    const odd = values.findIndex((value) => !Number.isInteger(value) || value < 0);
    if (odd !== -1) {
      const line = `row ${odd + 1} below the header`;
      throw new LtrainError(
        "data.malformed",
        `${path}: ${line}: "${target}" is ${values[odd] ?? NaN}, and a class is a whole number from 0`,
        { hint: "set task: regression to predict any number" },
      );
    }
    const classes = BigInt64Array.from(values, BigInt);
    return { dtype: "int64", shape: [table.rows], bytes: new Uint8Array(classes.buffer) };
  }
}

/** Some columns, in the order given, row-major. */
function featuresOf(table: CsvTable, columns: readonly string[], path: string): Float64Array {
  const { rows, values } = table;
  const width = table.columns.length;
  const from = columns.map((column) => columnIndex(table, column, path));
  const features = new Float64Array(rows * from.length);
  for (let row = 0; row < rows; row += 1) {
    for (const [i, column] of from.entries()) features[row * from.length + i] = values[row * width + column] ?? 0;
  }
  return features;
}
