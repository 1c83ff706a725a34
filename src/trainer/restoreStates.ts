import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { HookContext } from "../loops/callHooks.js";
import { userCode } from "../loops/userFailure.js";
import { PyDict } from "../pickle/values.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { readTensor } from "../storage/strided.js";
import type { Variable } from "../tensor/variable.js";
import { inMemory } from "./inMemory.js";
import type { RestoredCallbacks } from "./restoreCallbacks.js";
import { restoreCallbacks } from "./restoreCallbacks.js";

/** Sets a Variable, now or when everything has been found to fit. */
export type Write = (variable: Variable, value: HostTensor) => void;

/** Give a module the weights of a checkpoint, through `write`. */
export async function restoreWeights(checkpoint: Checkpoint, module: LightningModule, write: Write): Promise<void> {
  await userCode(`${module.constructor.name}.onLoadCheckpoint`, () => module.onLoadCheckpoint?.(checkpoint));
  const tensors = new Map<string, HostTensor>();
  for (const [name, tensor] of checkpoint.stateDict.tensors) tensors.set(name, await readTensor(tensor));
  module.loadState(tensors, write);
}

/** Data module and callbacks take their state, in Lightning's order; tells what became of the callbacks' states. */
export async function restoreStates(
  checkpoint: Checkpoint,
  datamodule: LightningDataModule | null,
  { trainer, module, callbacks }: HookContext,
): Promise<RestoredCallbacks> {
  const data = checkpoint.datamodule;
  if (datamodule !== null && data?.key === datamodule.constructor.name && data.state instanceof PyDict) {
    const state = await inMemory(data.state);
    await userCode(`${data.key}.loadStateDict`, () => datamodule.loadStateDict?.(state));
  }
  for (const callback of callbacks) {
    const place = `${callback.constructor.name}.onLoadCheckpoint`;
    await userCode(place, () => callback.onLoadCheckpoint?.(trainer, module, checkpoint));
  }
  return restoreCallbacks(callbacks, await inMemory(checkpoint.callbacks ?? new PyDict()));
}
