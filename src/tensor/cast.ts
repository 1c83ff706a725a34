import { LtrainError } from "../errors.js";
import { itemSize, type DType } from "../storage/dtype.js";
import { fromHalfBits, toHalfBits } from "../storage/float16.js";
import { numelOf, type HostTensor } from "../storage/hostTensor.js";

type Read = (view: DataView, at: number) => number;
type Write = (view: DataView, at: number, value: number) => void;

/** How one element of each dtype is read; the dtypes that are not here only travel from file to file. */
const READ: Partial<Record<DType, Read>> = {
  float32: (view, at) => view.getFloat32(at, true),
  float64: (view, at) => view.getFloat64(at, true),
  float16: (view, at) => fromHalfBits(view.getUint16(at, true), "float16"),
  bfloat16: (view, at) => fromHalfBits(view.getUint16(at, true), "bfloat16"),
  int64: (view, at) => exactInt64(view.getBigInt64(at, true)),
  int32: (view, at) => view.getInt32(at, true),
  int16: (view, at) => view.getInt16(at, true),
  int8: (view, at) => view.getInt8(at),
  uint8: (view, at) => view.getUint8(at),
  bool: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
};

/** How one element is written: rounded for floats, cut towards zero for integers, as torch does. */
const WRITE: Partial<Record<DType, Write>> = {
  float32: (view, at, value) => {
    view.setFloat32(at, value, true);
  },
  float64: (view, at, value) => {
    view.setFloat64(at, value, true);
  },
  float16: (view, at, value) => {
    view.setUint16(at, toHalfBits(value, "float16"), true);
  },
  bfloat16: (view, at, value) => {
    view.setUint16(at, toHalfBits(value, "bfloat16"), true);
  },
  int64: (view, at, value) => {
    view.setBigInt64(at, BigInt(Math.trunc(value)), true);
  },
  int32: (view, at, value) => {
    view.setInt32(at, value, true);
  },
  int16: (view, at, value) => {
    view.setInt16(at, value, true);
  },
  int8: (view, at, value) => {
    view.setInt8(at, value);
  },
  uint8: (view, at, value) => {
    view.setUint8(at, value);
  },
  bool: (view, at, value) => {
    view.setUint8(at, value === 0 ? 0 : 1);
  },
};

/** The same values in another dtype, as `tensor.to(dtype)`; the same object when there is nothing to change. */
export function castHost(tensor: HostTensor, dtype: DType): HostTensor {
  if (tensor.dtype === dtype) return tensor;
  const write = WRITE[dtype];
  if (write === undefined) {
    throw new LtrainError("checkpoint.unsupported", `a ${tensor.dtype} tensor cannot be brought to ${dtype}`);
  }
  const size = itemSize(dtype);
  const bytes = new Uint8Array(numelOf(tensor.shape) * size);
  const view = new DataView(bytes.buffer);
  hostNumbers(tensor).forEach((value, i) => {
    write(view, i * size, value);
  });
  return { dtype, shape: tensor.shape, bytes };
}

/** The elements as numbers; checkpoint.unsupported for dtypes that do not stand for real numbers. */
export function hostNumbers(tensor: HostTensor): Float64Array {
  const read = READ[tensor.dtype];
  if (read === undefined) {
    throw new LtrainError("checkpoint.unsupported", `a ${tensor.dtype} tensor cannot be computed with`, {
      hint: "it can be inspected, extracted and saved again",
    });
  }
  const { buffer, byteOffset, byteLength } = tensor.bytes;
  const view = new DataView(buffer, byteOffset, byteLength);
  const size = itemSize(tensor.dtype);
  return Float64Array.from({ length: byteLength / size }, (_, i) => read(view, i * size));
}

/** An int64 as a number; beyond 2^53 it would change on the way. */
function exactInt64(value: bigint): number {
  const number = Number(value);
  if (BigInt(number) !== value) {
    throw new LtrainError(
      "checkpoint.unsupported",
      `the int64 value ${value} has more digits than can be computed with`,
    );
  }
  return number;
}
