import { instantiate } from "../config/instantiate.js";
import type { ResolvedConfig } from "../config/loadConfig.js";
import type { CheckpointStart } from "./checkpointConfig.js";

/** Whether a run has reached the limits of its config, and nothing is left to train. */
export function isFinished({ epochs, globalStep }: CheckpointStart, resolved: ResolvedConfig): boolean {
  const { max_epochs: maxEpochs, max_steps: maxSteps } = resolved.config.trainer;
  if (typeof maxSteps === "number" && maxSteps > -1 && globalStep >= maxSteps) return true;
  if (typeof maxEpochs !== "number" || maxEpochs === -1 || epochs < maxEpochs) return false;
  return epochs >= maxEpochs + addedEpochs(resolved);
}

/** Epochs that the run's callbacks train beyond max_epochs: what is built to ask them is built only where it matters. */
function addedEpochs(resolved: ResolvedConfig): number {
  if (resolved.callbacks.length === 0) return 0;
  const { module, trainer } = instantiate(resolved);
  return trainer.options.callbacks.reduce((sum, callback) => sum + (callback.addedEpochs?.(module) ?? 0), 0);
}
