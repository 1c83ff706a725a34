import type { Checkpoint } from "../../src/checkpoint/checkpoint.js";
import { emptyCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { torchCheckpointIO } from "../../src/checkpoint/checkpointIO.js";
import type { SavedFile, SaveOrder } from "../../src/checkpoint/saveOrder.js";
import type { FileOperations } from "../../src/io/fileOperations.js";
import { PyDict } from "../../src/pickle/values.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { storedTensor } from "../../src/storage/storedTensor.js";

/** A small checkpoint of a step; every step has other weights. */
export function checkpointOf(globalStep: number, numel = 300): Checkpoint {
  const values = Float32Array.from({ length: numel }, (_, i) => Math.sin(globalStep * 1000 + i));
  const tensor = storedTensor(float32Tensor(values, [numel]));
  return {
    ...emptyCheckpoint(),
    globalStep,
    epoch: globalStep,
    lightningVersion: "2.6.6",
    stateDict: { tensors: new Map([["layer.weight", tensor]]), versions: null },
    loops: new PyDict(),
  };
}

/** One save of a run, by names in its folder. */
export interface PlannedSave {
  readonly step: number;
  readonly names: readonly string[];
  readonly replicas?: readonly { readonly from: string; readonly name: string; readonly share: boolean }[];
  readonly retired?: readonly string[];
}

/** Do a save in `folder`, on this thread, through the code that training saves with. */
export async function savePlanned(
  plan: PlannedSave,
  folder: string,
  files: FileOperations,
): Promise<readonly SavedFile[]> {
  const at = (name: string): string => `${folder}/${name}`;
  const order: SaveOrder = {
    files: plan.names.map((name) => ({ path: at(name), checkpoint: checkpointOf(plan.step) })),
    replicas: (plan.replicas ?? []).map(({ from, name, share }) => ({ from: at(from), path: at(name), share })),
    retired: (plan.retired ?? []).map(at),
    metrics: new Map([["val_loss", 1 / plan.step]]),
  };
  const prepared = await torchCheckpointIO({ files }).prepare(order, false);
  return prepared.write();
}
