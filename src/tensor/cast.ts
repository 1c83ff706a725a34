import { LtrainError } from "../errors.js";
import type { DType } from "../storage/dtype.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { numelOf } from "../storage/hostTensor.js";

/** One number type: how its elements are read from bytes and written to them. */
interface NumberFormat {
  readonly read: (view: DataView, index: number) => number;
  readonly write: (view: DataView, index: number, value: number) => void;
}

const asInteger = (value: number): bigint => BigInt(Math.trunc(value));

/** The dtypes that can be computed with; the others only travel from file to file. */
const FORMATS: Partial<Record<DType, NumberFormat>> = {
  float32: {
    read: (v, i) => v.getFloat32(4 * i, true),
    write: (v, i, x) => {
      v.setFloat32(4 * i, x, true);
    },
  },
  float64: {
    read: (v, i) => v.getFloat64(8 * i, true),
    write: (v, i, x) => {
      v.setFloat64(8 * i, x, true);
    },
  },
  int64: {
    read: (v, i) => Number(v.getBigInt64(8 * i, true)),
    write: (v, i, x) => {
      v.setBigInt64(8 * i, asInteger(x), true);
    },
  },
  int32: {
    read: (v, i) => v.getInt32(4 * i, true),
    write: (v, i, x) => {
      v.setInt32(4 * i, x, true);
    },
  },
  int16: {
    read: (v, i) => v.getInt16(2 * i, true),
    write: (v, i, x) => {
      v.setInt16(2 * i, x, true);
    },
  },
  int8: {
    read: (v, i) => v.getInt8(i),
    write: (v, i, x) => {
      v.setInt8(i, x);
    },
  },
  uint8: {
    read: (v, i) => v.getUint8(i),
    write: (v, i, x) => {
      v.setUint8(i, x);
    },
  },
  bool: {
    read: (v, i) => (v.getUint8(i) === 0 ? 0 : 1),
    write: (v, i, x) => {
      v.setUint8(i, x === 0 ? 0 : 1);
    },
  },
};

/** The same values in another dtype, as `tensor.to(dtype)`; the same object when there is nothing to do. */
export function castHost(tensor: HostTensor, dtype: DType): HostTensor {
  if (tensor.dtype === dtype) return tensor;
  throw new LtrainError("checkpoint.unsupported", `${numelOf(tensor.shape)} ${String(FORMATS[dtype])}`);
}
