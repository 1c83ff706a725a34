import type { Checkpoint, StateDict } from "./checkpoint.js";
import { emptyCheckpoint, LIGHTNING_VERSION } from "./checkpoint.js";

/**
 * A checkpoint around a state_dict as Lightning writes it with `save_weights_only=True`: epoch, global_step, loops and
 * hyper-parameters, but no optimizers, schedulers and callbacks, whose states belong to all the weights there were.
 */
export function weightsOnlyCheckpoint(source: Checkpoint | undefined, stateDict: StateDict): Checkpoint {
  const { epoch, globalStep, lightningVersion, loops, hyperParameters, datamoduleHyperParameters } =
    source ?? emptyCheckpoint();
  return {
    ...emptyCheckpoint(),
    epoch,
    globalStep,
    lightningVersion: lightningVersion ?? LIGHTNING_VERSION, // load_from_checkpoint asks for one
    stateDict,
    loops,
    hyperParameters,
    datamoduleHyperParameters,
  };
}
