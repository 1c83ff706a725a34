import { PyDict, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { StoredTensor, storedTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";

/** A copy of a dict whose tensors no longer need the file they came from. */
export async function inMemory(dict: PyDict): Promise<PyDict> {
  const copy = new PyDict([], dict.kind);
  for (const [key, value] of dict) copy.set(key, await valueInMemory(value));
  return copy;
}

async function valueInMemory(value: PyValue): Promise<PyValue> {
  if (value instanceof StoredTensor) return storedTensor(await readTensor(value));
  if (value instanceof PyDict) return inMemory(value);
  if (value instanceof PyTuple) return new PyTuple(await listInMemory(value.items));
  return Array.isArray(value) ? listInMemory(value) : value;
}

async function listInMemory(items: readonly PyValue[]): Promise<PyValue[]> {
  const copies: PyValue[] = [];
  for (const item of items) copies.push(await valueInMemory(item));
  return copies;
}
