import type { Batch } from "../data/batch.js";
import { isHostTensor } from "../data/batch.js";
import { LtrainError } from "../errors.js";
import type { HostTensor } from "../storage/hostTensor.js";

/** The shape of a batch without its tensors: where in which lists and objects each one belongs. */
export type BatchTree = string | readonly BatchTree[] | { readonly [key: string]: BatchTree };

/** A batch as named inputs of a step ("batch", "batch.0", "batch.x"), and how to put it together again. */
export interface FlatBatch {
  readonly tree: BatchTree;
  readonly inputs: Readonly<Record<string, HostTensor>>;
}

/** Take a batch apart; two batches with equal trees can be fed to the same compiled step. */
export function flattenBatch(batch: Batch): FlatBatch {
  const inputs: Record<string, HostTensor> = {};
  const walk = (node: Batch, name: string): BatchTree => {
    if (typeof node !== "object" || (node as unknown) === null) throw notATensor(name, node);
    if (isHostTensor(node)) {
      inputs[name] = node;
      return name;
    }
    if (isList(node)) return node.map((item, i) => walk(item, `${name}.${i}`));
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, walk(item, `${name}.${key}`)]));
  };
  return { tree: walk(batch, "batch"), inputs };
}

/** The same lists and objects, with what is named in every place: the tfjs tensors that a module's step is given. */
export function assembleBatch(tree: BatchTree, inputs: Readonly<Record<string, unknown>>): unknown {
  if (typeof tree === "string") return inputs[tree];
  if (isList(tree)) return tree.map((item) => assembleBatch(item, inputs));
  return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, assembleBatch(item, inputs)]));
}

/** The batch size as Lightning finds it: the first dimension of the first tensor, 1 for a scalar or for no tensor. */
export function batchSizeOf(flat: FlatBatch): number {
  const first = Object.values(flat.inputs)[0];
  return first?.shape[0] ?? 1;
}

function isList<T>(node: readonly T[] | object): node is readonly T[] {
  return Array.isArray(node);
}

function notATensor(name: string, node: unknown): LtrainError {
  return new LtrainError("user.failed", `${name} is ${node === null ? "null" : typeof node}, not a tensor`, {
    hint: "a batch is made of HostTensors in lists and objects; see defaultCollate",
  });
}
