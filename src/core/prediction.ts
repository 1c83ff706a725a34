import type { Batch } from "../data/batch.js";
import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { assembleBatch, type BatchTree } from "./batch.js";

/** What predictStep gives: tensors, or numbers, in whatever lists and objects it likes. */
export type StepPrediction = Tensor | number | readonly StepPrediction[] | { readonly [key: string]: StepPrediction };

/** The same read to the host, one for each batch; null where predictStep gave nothing. */
export type Prediction = Batch | null;

/** A prediction as named outputs of a step ("prediction", "prediction.0", "prediction.y"), and how to put it together. */
export interface FlatPrediction {
  /** null: predictStep gave nothing. */
  readonly tree: BatchTree | null;
  readonly outputs: Record<string, Tensor>;
}

/** Take a prediction apart. `place` says whose it is. */
export function flattenPrediction(prediction: unknown, place: string): FlatPrediction {
  const outputs: Record<string, Tensor> = {};
  const add = (tensor: Tensor, path: string): string => {
    let name = path;
    while (name in outputs) name += "+"; // { "a.b": x, a: { b: y } }
    outputs[name] = tensor;
    return name;
  };
  const walk = (node: unknown, path: string): BatchTree => {
    if (node instanceof tf.Tensor) return add(node as Tensor, path);
    if (typeof node === "number") return add(tf.scalar(node), path);
    if (Array.isArray(node)) return node.map((item, i) => walk(item, `${path}.${i}`));
    if (!isPlainObject(node)) throw notATensor(node, path, place);
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, walk(item, `${path}.${key}`)]));
  };
  const isNothing = prediction === undefined || prediction === null;
  return { tree: isNothing ? null : walk(prediction, "prediction"), outputs };
}

/** Put the outputs, read to the host, in their places again. */
export function assemblePrediction(tree: BatchTree | null, outputs: Readonly<Record<string, Batch>>): Prediction {
  return tree === null ? null : (assembleBatch(tree, outputs) as Batch);
}

function isPlainObject(node: unknown): node is object {
  if (typeof node !== "object" || node === null) return false;
  const prototype = Object.getPrototypeOf(node) as object | null;
  // Object.prototype, of whichever realm, is the one that has none itself.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function notATensor(node: unknown, path: string, place: string): LtrainError {
  const what = typeof node === "object" && node !== null ? `a ${node.constructor.name}` : String(node);
  return new LtrainError("user.failed", `${place} gave ${what} as ${path}, which is no tensor`, {
    hint: "give tensors and numbers, in lists and plain objects",
  });
}
