import { LtrainError } from "../errors.js";
import { decodeNumbers, numbersPerElement } from "../storage/decode.js";
import { itemSize } from "../storage/dtype.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";
import { dequantizer } from "./dequantize.js";

/** One number of a tensor; 64-bit integers keep every digit. */
export type Item = number | bigint | boolean;

/** Numbers nested as the tensor's axes are, inside one more array; a complex number is a pair. */
export interface ShownItems {
  readonly kind: "float" | "integer" | "complex";
  readonly items: readonly unknown[];
}

/** More of a tensor than this is never shown. */
const MAX_SHOWN = 1 << 20;

/** The items of a tensor, of an axis longer than twice `edgeItems` only those at its ends; nothing else is read. */
export async function readShownItems(tensor: StoredTensor, edgeItems: number): Promise<ShownItems> {
  const shown = tensor.shape.reduce((product, size) => product * (size > 2 * edgeItems ? 2 * edgeItems : size), 1);
  if (shown > MAX_SHOWN) {
    throw new LtrainError("checkpoint.unsupported", `${shown} numbers would be shown; up to ${MAX_SHOWN} are`, {
      hint: "ltrain extract writes them to a file",
    });
  }
  const { dtype } = tensor;
  const isComplex = dtype.startsWith("complex");
  const isFloat = /^(?:float|bfloat)/.test(dtype) || tensor.quantizer !== undefined;
  const read = await itemReader(tensor);
  const gather = async (part: StoredTensor, first: number): Promise<unknown> => {
    const axis = part.shape.findIndex((size) => size > 2 * edgeItems);
    if (axis < 0) return nested(await read(part, first), part.shape);
    const step = part.shape.slice(1).reduce((product, size) => product * size, 1);
    const size = part.shape[0] ?? 0;
    const rows: unknown[] = [];
    for (let row = 0; row < size; row += 1) {
      if (size > 2 * edgeItems && row === edgeItems) row = size - edgeItems;
      rows.push(await gather(select(part, row), first + row * step));
    }
    return rows;
  };
  return { kind: isComplex ? "complex" : isFloat ? "float" : "integer", items: [await gather(tensor, 0)] };
}

/** How the elements of a part of the tensor are read; `first` is its first element, counted through the whole. */
async function itemReader(tensor: StoredTensor): Promise<(part: StoredTensor, first: number) => Promise<unknown[]>> {
  const { dtype, quantizer } = tensor;
  const dequantize = quantizer === undefined ? undefined : await dequantizer(tensor, quantizer);
  return async (part, first) => {
    const { bytes } = await readTensor(part);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (dtype === "int64") return itemsOf(view, 8, (at) => view.getBigInt64(at, true));
    if (dtype === "uint64") return itemsOf(view, 8, (at) => view.getBigUint64(at, true));
    // torch shows the bytes of what it cannot convert; packed fp4 among them.
    if (numbersPerElement(dtype) === 0 || dtype === "float4_e2m1fn_x2") {
      return itemSize(dtype) === 2 ? itemsOf(view, 2, (at) => view.getUint16(at, true)) : Array.from(bytes);
    }
    const numbers = decodeNumbers(bytes, dtype);
    if (dtype.startsWith("complex")) {
      return Array.from({ length: numbers.length / 2 }, (_, index) => [numbers[2 * index], numbers[2 * index + 1]]);
    }
    dequantize?.(numbers, first);
    return dtype === "bool" ? Array.from(numbers, (number) => number !== 0) : Array.from(numbers);
  };
}

function itemsOf<T>(view: DataView, width: number, item: (at: number) => T): T[] {
  return Array.from({ length: view.byteLength / width }, (_, index) => item(index * width));
}

/** `tensor[index]`. */
function select(tensor: StoredTensor, index: number): StoredTensor {
  const { dtype, shape, stride, storageOffset, storage, conjugate, negative } = tensor;
  return new StoredTensor({
    dtype,
    shape: shape.slice(1),
    stride: stride.slice(1),
    storageOffset: storageOffset + index * (stride[0] ?? 0),
    storage,
    conjugate,
    negative,
  });
}

/** A flat row-major list as arrays in arrays; of no axes its only item. */
function nested(items: readonly unknown[], shape: readonly number[]): unknown {
  const [size, ...inner] = shape;
  if (size === undefined) return items[0];
  if (inner.length === 0) return items;
  const step = items.length / Math.max(size, 1);
  return Array.from({ length: size }, (_, index) => nested(items.slice(index * step, (index + 1) * step), inner));
}
