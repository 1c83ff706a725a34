import type { PyValue } from "../pickle/values.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import type { CastDType } from "./castTensors.js";
import { castTensors } from "./castTensors.js";
import { tensorsOf } from "./treePaths.js";
import { trimStorages } from "./trimStorages.js";

/** What every dense tensor of a tree becomes: over storages with nothing else in them, and as another dtype. */
export function mappedTensors(root: PyValue, dtype: CastDType | undefined): ReadonlyMap<StoredTensor, StoredTensor> {
  const tensors = new Map(tensorsOf(root).map(({ path, tensor }) => [path, tensor]));
  const trimmed = trimStorages(tensors);
  const cast = dtype === undefined ? trimmed : castTensors(trimmed, dtype);
  return new Map(Array.from(tensors, ([path, tensor]) => [tensor, cast.get(path) ?? tensor]));
}
