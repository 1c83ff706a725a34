import { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { Prediction } from "../core/prediction.js";
import type { TrainerState } from "../core/trainerState.js";
import type { DataLoader } from "../data/dataLoader.js";
import { LtrainError } from "../errors.js";
import type { ByteSink } from "../io/byteSink.js";
import { didYouMean } from "../nearest.js";
import { npyHeader } from "../serialization/npyHeader.js";
import { csvHeader, csvRows } from "./predictionCsv.js";
import { jsonRows } from "./predictionJson.js";
import type { FieldRows, PredictionField, PredictionFormat } from "./predictionRows.js";
import { fieldName, fieldsOf, rowsOf } from "./predictionRows.js";

/** What is written, and how. */
export interface PredictionWriterOptions {
  readonly format: PredictionFormat;
  /** The one output that is written; null: all of them. */
  readonly key: string | null;
}

/** Writes predictions as they come, a row for each example: Lightning's BasePredictionWriter for files. */
export class PredictionWriter extends Callback {
  /** Rows written so far. */
  rows = 0;
  readonly #options: PredictionWriterOptions;
  #sink: ByteSink | null = null;
  #loader: DataLoader | null = null;
  #names: readonly string[] | null = null;
  #layout: string | null = null;

  constructor(options: PredictionWriterOptions) {
    super();
    this.#options = options;
  }

  /** From now on rows go into `sink`. */
  into(sink: ByteSink): void {
    this.#sink = sink;
  }
  /** The batches that will come, and what the examples are called. */
  expect(loader: DataLoader, names: readonly string[] | null): void {
    this.#loader = loader;
    this.#names = names;
  }

  override async onPredictBatchEnd(
    trainer: TrainerState,
    _module: LightningModule,
    prediction: Prediction,
    batchIdx: number,
  ): Promise<void> {
    const count = this.#batchSize(batchIdx);
    const fields = this.#chosen(fieldsOf(prediction)).map((field) =>
      rowsOf(field, count ?? field.tensor.shape[0] ?? 0),
    );
    const rows = count ?? fields[0]?.field.tensor.shape[0] ?? 0;
    const names = this.#names?.slice(this.rows, this.rows + rows) ?? null;
    const { format } = this.#options;
    await this.#begin(fields, names !== null, trainer);
    if (format === "csv") await this.#write(csvRows(fields, rows, names));
    else if (format === "jsonl") await this.#write(jsonRows(fields, rows, names));
    else for (const { field } of fields) await this.#sink?.write(field.tensor.bytes);
    this.rows += rows;
  }

  /** After the last batch. */
  end(): Promise<void> {
    if (this.#layout !== null) return Promise.resolve();
    throw new LtrainError("data.missing", "there is nothing to predict: no batches", {
      hint: "see trainer.limit_predict_batches, and what predictDataloader gives",
    });
  }

  /** What stands in front of the rows; every batch must be laid out as the first one was. */
  async #begin(fields: readonly FieldRows[], hasNames: boolean, trainer: TrainerState): Promise<void> {
    const layout = fields
      .map(({ field, shape }) => `${fieldName(field)} ${field.tensor.dtype} [${shape.join(", ")}]`)
      .join(", ");
    if (this.#layout === layout) return;
    const { format } = this.#options;
    if (this.#layout !== null && format !== "jsonl") {
      throw new LtrainError("user.failed", `predictStep gave ${this.#layout} before, and now ${layout}`, {
        hint: "a file has the same columns in every row; jsonl takes rows of any form",
      });
    }
    const isFirst = this.#layout === null;
    this.#layout = layout;
    if (!isFirst || format === "jsonl") return;
    if (format === "csv") await this.#write(csvHeader(fields, hasNames));
    else {
      const { field, shape } = onlyOne(fields);
      const { dtype } = field.tensor;
      await this.#sink?.write(npyHeader(fieldName(field), { dtype, shape: [this.#expectedRows(trainer), ...shape] }));
    }
  }

  #chosen(fields: readonly PredictionField[]): readonly PredictionField[] {
    const { key } = this.#options;
    if (fields.length === 0) {
      throw new LtrainError("user.failed", "predictStep gave nothing to write", { hint: "let it give back a tensor" });
    }
    if (key === null) return fields;
    const chosen = fields.filter((field) => fieldName(field) === key || fieldName(field).startsWith(`${key}.`));
    if (chosen.length > 0) return chosen;
    const names = fields.map(fieldName);
    throw new LtrainError("key.missing", `predictStep gives no "${key}"; it gives ${names.join(", ")}`, {
      hint: didYouMean(key, names) ?? "name one of them with --key",
    });
  }

  #batchSize(batchIdx: number): number | null {
    const loader = this.#loader;
    if (loader === null) return null;
    return Math.min(loader.batchSize, loader.dataset.length - batchIdx * loader.batchSize);
  }

  #expectedRows({ numPredictBatches }: TrainerState): number {
    const loader = this.#loader;
    if (loader === null) throw new Error("an array is written without knowing how long it gets");
    return Math.min(numPredictBatches * loader.batchSize, loader.dataset.length);
  }

  async #write(text: string): Promise<void> {
    await this.#sink?.write(Buffer.from(text, "utf8"));
  }
}

function onlyOne(fields: readonly FieldRows[]): FieldRows {
  const [first, ...others] = fields;
  if (first !== undefined && others.length === 0) return first;
  const names = fields.map(({ field }) => fieldName(field));
  throw new LtrainError("output.refused", `an .npy file holds one array, and predictStep gives ${names.join(", ")}`, {
    hint: `choose one, such as --key ${names[0] ?? ""}, or write .jsonl or .csv`,
  });
}
