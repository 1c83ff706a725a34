import { join } from "node:path";
import { ModelCheckpoint } from "../callbacks/modelCheckpoint.js";
import { Callback } from "../core/callback.js";
import type { TrainerState } from "../core/trainerState.js";

/** What a StopCheckpoint must know of the run. */
export interface StopCheckpointOptions {
  /** Whether a signal has ended training. */
  readonly isStopped: () => boolean;
  /** The trainer's callbacks: the checkpoint goes into the folder of the first ModelCheckpoint. */
  readonly callbacks: () => readonly Callback[];
}

/**
 * Saves where a signal ended training in the middle of an epoch, so that no step is trained twice: the callbacks of the
 * config save at moments of their own, which may be an epoch away.
 */
export class StopCheckpoint extends Callback {
  readonly #options: StopCheckpointOptions;
  #lastStepSaved = 0;

  constructor(options: StopCheckpointOptions) {
    super();
    this.#options = options;
  }

  override onCheckpointSaved(trainer: TrainerState): void {
    this.#lastStepSaved = trainer.globalStep;
  }

  override async onTrainEnd(trainer: TrainerState): Promise<void> {
    if (!this.#options.isStopped() || trainer.fastDevRun || this.#lastStepSaved === trainer.globalStep) return;
    const among = this.#options.callbacks().find((callback) => callback instanceof ModelCheckpoint);
    if (among === undefined) return; // enable_checkpointing: false
    const folder = among.dirpath ?? join(trainer.logDir, "checkpoints");
    await trainer.saveCheckpoint(join(folder, `epoch=${trainer.currentEpoch}-step=${trainer.globalStep}.ckpt`));
  }
}
