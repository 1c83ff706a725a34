import type { Prediction } from "../core/prediction.js";
import { isHostTensor } from "../data/batch.js";
import type { Batch } from "../data/batch.js";
import { LtrainError } from "../errors.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { numelOf } from "../storage/hostTensor.js";
import { hostNumbers } from "../tensor/cast.js";

/** How predictions are written. */
export type PredictionFormat = "csv" | "jsonl" | "npy";

/** The name of what predictStep gives where that is one tensor. */
export const ONLY_FIELD = "prediction";

/** One tensor of a prediction: a row for each example. */
export interface PredictionField {
  /** Where it stands in lists and objects. */
  readonly path: readonly (string | number)[];
  readonly tensor: HostTensor;
}

/** "logits", "parts.0"; "prediction" where there is nothing to tell apart. */
export function fieldName({ path }: PredictionField): string {
  return path.length === 0 ? ONLY_FIELD : path.join(".");
}

/** The tensors of a prediction, in their order. */
export function fieldsOf(prediction: Prediction): PredictionField[] {
  const fields: PredictionField[] = [];
  const walk = (node: Batch, path: readonly (string | number)[]): void => {
    if (isHostTensor(node)) fields.push({ path, tensor: node });
    else if (Array.isArray(node))
      node.forEach((item: Batch, i) => {
        walk(item, [...path, i]);
      });
    else for (const [key, item] of Object.entries(node)) walk(item, [...path, key]);
  };
  if (prediction !== null) walk(prediction, []);
  return fields;
}

/** A field's elements, example by example. */
export interface FieldRows {
  readonly field: PredictionField;
  /** The shape of one example. */
  readonly shape: readonly number[];
  readonly size: number;
  readonly values: ArrayLike<number>;
  readonly text: (value: number) => string;
}

/** The elements of a field of `rows` examples; user.failed where it has not one row for each of them. */
export function rowsOf(field: PredictionField, rows: number): FieldRows {
  const { tensor } = field;
  const [count, ...shape] = tensor.shape;
  if (count !== rows) {
    throw new LtrainError(
      "user.failed",
      `predictStep gave "${fieldName(field)}" of shape [${tensor.shape.join(", ")}] for a batch of ${rows}`,
      { hint: "a file has a row for each example: let predictStep give tensors whose first dimension is the batch" },
    );
  }
  const text = tensor.dtype === "float32" ? float32Text : String;
  return { field, shape, size: numelOf(shape), values: hostNumbers(tensor), text };
}

/** The shortest decimal that is this float32 number again; nan, inf and -inf are what they are. */
export function float32Text(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return Object.is(value, -0) ? "-0.0" : String(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  for (let digits = 6; digits < 9; digits += 1) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return String(shorter);
  }
  return String(Number(value.toPrecision(9)));
}
