import { LtrainError } from "../errors.js";
import type { DType } from "../storage/dtype.js";
import { itemSize } from "../storage/dtype.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { numelOf } from "../storage/hostTensor.js";
import { sharedTensor } from "../storage/sharedTensor.js";
import type { WorkerSource } from "./workerSource.js";
import { OWN_MODULE } from "./workerSource.js";

/** One tensor of a dataset: rows that can be gathered, perhaps held in a smaller dtype than they are given in. */
export interface Column {
  readonly length: number;
  gather(indices: readonly number[] | Int32Array): HostTensor;
  /** How the workers of a DataLoader make this column. */
  toWorker?(): WorkerSource;
}

/** The rows of a tensor as they are: one memcpy per row, or one for all when they lie in a row. */
export function tensorColumn(tensor: HostTensor): Column {
  const { length, shape } = rowsOf(tensor);
  const { dtype } = tensor;
  const rowBytes = numelOf(shape) * itemSize(dtype);
  const rows = new Rows(tensor);
  return {
    length,
    gather: (indices) => {
      const from = rows.bytes;
      const bytes = new Uint8Array(indices.length * rowBytes);
      forEachRow(indices, length, (row, i) => {
        bytes.set(from.subarray(row * rowBytes, (row + 1) * rowBytes), i * rowBytes);
      });
      return { dtype, shape: [indices.length, ...shape], bytes };
    },
    toWorker: () => ({ module: OWN_MODULE, name: "tensorColumn", args: [rows.shared()] }),
  };
}

/** Pixels kept as bytes and given as float32 in 0..1, divided by 255 as torchvision's ToTensor does. */
export function pixelColumn(pixels: HostTensor, shape: readonly number[] = pixels.shape.slice(1)): Column {
  const { length } = rowsOf(pixels, "uint8");
  const rowSize = numelOf(shape);
  const level = Float32Array.from({ length: 256 }, (_, value) => value / 255);
  const rows = new Rows(pixels);
  return {
    length,
    gather: (indices) => {
      const values = new Float32Array(indices.length * rowSize);
      const { bytes } = rows;
      forEachRow(indices, length, (row, i) => {
        const from = row * rowSize;
        const to = i * rowSize;
        for (let k = 0; k < rowSize; k += 1) values[to + k] = level[bytes[from + k] ?? 0] ?? 0;
      });
      return { dtype: "float32", shape: [indices.length, ...shape], bytes: new Uint8Array(values.buffer) };
    },
    toWorker: () => ({ module: OWN_MODULE, name: "pixelColumn", args: [rows.shared(), shape] }),
  };
}

/** Class numbers kept as bytes and given as int64, the dtype torch's losses ask for. */
export function labelColumn(labels: HostTensor): Column {
  const { length } = rowsOf(labels, "uint8");
  const rows = new Rows(labels);
  return {
    length,
    gather: (indices) => {
      const classes = rows.bytes;
      const bytes = new Uint8Array(indices.length * 8);
      forEachRow(indices, length, (row, i) => {
        bytes[i * 8] = classes[row] ?? 0; // little-endian: the other seven bytes of a small number are zero
      });
      return { dtype: "int64", shape: [indices.length], bytes };
    },
    toWorker: () => ({ module: OWN_MODULE, name: "labelColumn", args: [rows.shared()] }),
  };
}

/** What a column gathers from: moved to shared memory when workers are to see it, so that it lies there once. */
class Rows {
  #tensor: HostTensor;

  constructor(tensor: HostTensor) {
    this.#tensor = tensor;
  }

  get bytes(): Uint8Array {
    return this.#tensor.bytes;
  }

  shared(): HostTensor {
    this.#tensor = sharedTensor(this.#tensor);
    return this.#tensor;
  }
}

function rowsOf(tensor: HostTensor, expected?: DType): { readonly length: number; readonly shape: readonly number[] } {
  const [length, ...shape] = tensor.shape;
  if (length === undefined)
    throw new LtrainError("argument.invalid", "a 0-dim tensor has no rows to make a dataset of");
  if (expected !== undefined && tensor.dtype !== expected) {
    throw new LtrainError("argument.invalid", `expected a ${expected} tensor, got ${tensor.dtype}`);
  }
  const expectedBytes = numelOf(tensor.shape) * itemSize(tensor.dtype);
  if (tensor.bytes.byteLength !== expectedBytes) {
    throw new LtrainError(
      "argument.invalid",
      `a ${tensor.dtype} tensor of shape [${tensor.shape.join(", ")}] takes ${expectedBytes} bytes, ` +
        `but ${tensor.bytes.byteLength} were given`,
    );
  }
  return { length, shape };
}

function forEachRow(
  indices: readonly number[] | Int32Array,
  length: number,
  visit: (row: number, position: number) => void,
): void {
  for (let i = 0; i < indices.length; i += 1) {
    const row = indices[i] ?? -1;
    if (row < 0 || row >= length) {
      throw new LtrainError("argument.invalid", `index ${row} is outside a dataset of ${length} rows`);
    }
    visit(row, i);
  }
}
