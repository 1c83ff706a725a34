import { asNumber } from "../pickle/convert.js";
import type { PyValue } from "../pickle/values.js";
import { decodeNumbers, numbersPerElement } from "../storage/decode.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";

/** The number in an int, a float or a tensor of one element, as torch's `.item()`; null for everything else. */
export async function readScalar(value: PyValue | undefined): Promise<number | null> {
  if (!(value instanceof StoredTensor)) return asNumber(value) ?? null;
  if (value.numel !== 1 || numbersPerElement(value.dtype) !== 1) return null;
  const { bytes } = await readTensor(value);
  return decodeNumbers(bytes, value.dtype)[0] ?? null;
}
