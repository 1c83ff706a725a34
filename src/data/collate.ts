import { LtrainError } from "../errors.js";
import { itemSize } from "../storage/dtype.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { float32Tensor, numelOf } from "../storage/hostTensor.js";
import type { Batch } from "./batch.js";

/**
 * One example of a user's own dataset. JavaScript has one kind of number, so the kind decides the dtype: a number is
 * float32, a bigint int64, a boolean bool, a Float32Array a float32 vector; anything else comes as a HostTensor.
 */
export type Item =
  number | bigint | boolean | Float32Array | HostTensor | readonly Item[] | { readonly [key: string]: Item };

/** Makes one batch of several examples: torch's collate_fn. */
export type Collate = (items: readonly Item[]) => Batch;

/** Stack examples along a new first axis, through lists and objects: torch's default_collate. */
export function defaultCollate(items: readonly Item[]): Batch {
  return collateAt(items, "item");
}

function collateAt(items: readonly Item[], path: string): Batch {
  const [first] = items;
  if (first === undefined) throw new LtrainError("argument.invalid", "cannot make a batch of no examples");
  if (isLeaf(first))
    return stack(
      items.map((item) => toTensor(item, path)),
      path,
    );
  if (isList(first)) {
    return first.map((_, i) =>
      collateAt(
        items.map((item) => listAt(item, i, first.length, path)),
        `${path}[${i}]`,
      ),
    );
  }
  const keys = Object.keys(first);
  return Object.fromEntries(
    keys.map((key) => [
      key,
      collateAt(
        items.map((item) => fieldOf(item, key, path)),
        `${path}.${key}`,
      ),
    ]),
  );
}

function isLeaf(item: Item): item is number | bigint | boolean | Float32Array | HostTensor {
  return (
    typeof item !== "object" || item instanceof Float32Array || ("bytes" in item && item.bytes instanceof Uint8Array)
  );
}

function isList(item: Item): item is readonly Item[] {
  return Array.isArray(item);
}

function listAt(item: Item, i: number, length: number, path: string): Item {
  const value = isList(item) && item.length === length ? item[i] : undefined;
  if (value === undefined) throw unlike(path, `a list of ${length}`);
  return value;
}

function fieldOf(item: Item, key: string, path: string): Item {
  const value =
    typeof item === "object" && !isList(item) && !isLeaf(item) && Object.hasOwn(item, key) ? item[key] : undefined;
  if (value === undefined) throw unlike(path, `an object with "${key}"`);
  return value;
}

function toTensor(item: Item, path: string): HostTensor {
  if (typeof item === "number") return float32Tensor(Float32Array.of(item), []);
  if (typeof item === "bigint")
    return { dtype: "int64", shape: [], bytes: new Uint8Array(BigInt64Array.of(item).buffer) };
  if (typeof item === "boolean") return { dtype: "bool", shape: [], bytes: Uint8Array.of(item ? 1 : 0) };
  if (item instanceof Float32Array) return float32Tensor(item, [item.length]);
  if (!isLeaf(item)) throw unlike(path, "a tensor or a number");
  return item;
}

function stack(tensors: readonly HostTensor[], path: string): HostTensor {
  const [first] = tensors;
  if (first === undefined) throw new LtrainError("argument.invalid", "cannot make a batch of no examples");
  const size = numelOf(first.shape) * itemSize(first.dtype);
  const bytes = new Uint8Array(tensors.length * size);
  tensors.forEach((tensor, i) => {
    if (tensor.dtype !== first.dtype || tensor.shape.join() !== first.shape.join()) {
      throw new LtrainError(
        "data.malformed",
        `${path}: examples of one batch must be alike: example 0 is ${describe(first)}, example ${i} is ${describe(tensor)}`,
        { hint: "pad or crop them in the dataset, or give the loader a collate function" },
      );
    }
    bytes.set(tensor.bytes, i * size);
  });
  return { dtype: first.dtype, shape: [tensors.length, ...first.shape], bytes };
}

function describe(tensor: HostTensor): string {
  return `${tensor.dtype} [${tensor.shape.join(", ")}]`;
}

function unlike(path: string, expected: string): LtrainError {
  return new LtrainError("data.malformed", `${path}: examples of one batch must be alike: expected ${expected}`, {
    hint: "give the loader a collate function when examples differ",
  });
}
