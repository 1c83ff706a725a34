import { asNumber } from "../pickle/convert.js";
import type { PyValue } from "../pickle/values.js";
import { scalarTensor } from "../storage/hostTensor.js";
import { StoredTensor, storedTensor } from "../storage/storedTensor.js";

/** A score as Lightning keeps it, a 0-dim float32 tensor; None while there is none. */
export function scoreTensor(score: number | null): PyValue {
  return score === null ? null : storedTensor(scalarTensor(score));
}

/** A score in a file: a 0-dim tensor, or the plain number that other tools write; null when it is neither. */
export async function readScore(value: PyValue | undefined): Promise<number | null> {
  if (!(value instanceof StoredTensor)) return asNumber(value) ?? null;
  const size = value.byteLength / Math.max(value.numel, 1);
  const start = value.storageOffset * size;
  const bytes = await value.storage.read(start, start + size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (value.dtype) {
    case "float32":
      return view.getFloat32(0, true);
    case "float64":
      return view.getFloat64(0, true);
    case "int64":
      return Number(view.getBigInt64(0, true));
    case "int32":
      return view.getInt32(0, true);
    case "bfloat16":
      return new Float32Array(Uint32Array.of(view.getUint16(0, true) << 16).buffer)[0] ?? null;
    default:
      return null; // a score is only compared: one that cannot be read counts as none
  }
}
