import type { DType } from "../storage/dtype.js";
import type { Batch } from "./batch.js";
import { isHostTensor } from "./batch.js";

/** A batch's lists and objects, with a place in one block of memory for every tensor. */
type PackedNode =
  | {
      readonly kind: "tensor";
      readonly dtype: DType;
      readonly shape: readonly number[];
      readonly at: number;
      readonly size: number;
    }
  | { readonly kind: "list"; readonly items: readonly PackedNode[] }
  | { readonly kind: "fields"; readonly fields: Readonly<Record<string, PackedNode>> }
  /** No tensor: whoever takes the batch apart will say so. */
  | { readonly kind: "other"; readonly value: unknown };

/** A batch on its way from a thread: one block of memory, which is moved and not copied. */
export interface PackedBatch {
  readonly tree: PackedNode;
  readonly bytes: ArrayBuffer;
}

/** Tensors begin at multiples of this, so that any typed array can lie over them. */
const ALIGNMENT = 64;

/** Gather the tensors of a batch in a block of their own: the dataset may keep and change those that it gave. */
export function packBatch(batch: Batch): PackedBatch {
  const places: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  let length = 0;
  const walk = (node: Batch): PackedNode => {
    if (typeof node !== "object" || (node as unknown) === null) return { kind: "other", value: node };
    if (isHostTensor(node)) {
      const { dtype, shape, bytes } = node;
      const at = length;
      places.push({ at, bytes });
      length = Math.ceil((at + bytes.byteLength) / ALIGNMENT) * ALIGNMENT;
      return { kind: "tensor", dtype, shape, at, size: bytes.byteLength };
    }
    if (isList(node)) return { kind: "list", items: node.map(walk) };
    return { kind: "fields", fields: Object.fromEntries(Object.entries(node).map(([key, item]) => [key, walk(item)])) };
  };
  const tree = walk(batch);
  const block = new Uint8Array(length);
  for (const { at, bytes } of places) block.set(bytes, at);
  return { tree, bytes: block.buffer };
}

/** The batch over its block, without a copy. */
export function unpackBatch({ tree, bytes }: PackedBatch): Batch {
  const walk = (node: PackedNode): Batch => {
    switch (node.kind) {
      case "tensor":
        return { dtype: node.dtype, shape: node.shape, bytes: new Uint8Array(bytes, node.at, node.size) };
      case "list":
        return node.items.map(walk);
      case "fields":
        return Object.fromEntries(Object.entries(node.fields).map(([key, item]) => [key, walk(item)]));
      case "other":
        return node.value as Batch;
      default:
        node satisfies never;
        throw new TypeError("unreachable");
    }
  };
  return walk(tree);
}

function isList(node: readonly Batch[] | object): node is readonly Batch[] {
  return Array.isArray(node);
}
