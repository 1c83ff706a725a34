import { asNumber } from "../pickle/convert.js";
import type { PyValue } from "../pickle/values.js";
import type { DType } from "../storage/dtype.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";

/** How one element of a dtype is read from its bytes; dtypes that scores and learning rates never have are absent. */
const READERS: Partial<Record<DType, (view: DataView) => number>> = {
  float64: (view) => view.getFloat64(0, true),
  float32: (view) => view.getFloat32(0, true),
  bfloat16: (view) => {
    const widened = new DataView(new ArrayBuffer(4));
    widened.setUint16(2, view.getUint16(0, true), true); // bfloat16 is the upper half of a float32
    return widened.getFloat32(0, true);
  },
  float16: (view) => halfToNumber(view.getUint16(0, true)),
  int64: (view) => Number(view.getBigInt64(0, true)),
  int32: (view) => view.getInt32(0, true),
  int16: (view) => view.getInt16(0, true),
  int8: (view) => view.getInt8(0),
  uint8: (view) => view.getUint8(0),
  bool: (view) => view.getUint8(0),
};

/** The number in an int, a float or a tensor of one element, as torch's `.item()`; null for everything else. */
export async function readScalar(value: PyValue | undefined): Promise<number | null> {
  if (!(value instanceof StoredTensor)) return asNumber(value) ?? null;
  const reader = READERS[value.dtype];
  if (value.numel !== 1 || reader === undefined) return null;
  const { bytes } = await readTensor(value);
  return reader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
