import { join } from "node:path";
import { ModelCheckpoint } from "../callbacks/modelCheckpoint.js";
import { Callback } from "../core/callback.js";
import type { TrainerState } from "../core/trainerState.js";
import { fileExists } from "../io/textFile.js";

/** What a StopCheckpoint must know of the run. */
export interface StopCheckpointOptions {
  /** Whether training was ended from outside. */
  readonly isStopped: () => boolean;
  /** The trainer's callbacks: the checkpoint goes into the folder of the first ModelCheckpoint. */
  readonly callbacks: () => readonly Callback[];
}

/**
 * Saves where a signal or a failure ended training, so that no step is trained twice: the callbacks of the config save at
 * moments of their own, which may be an epoch away.
 */
export class StopCheckpoint extends Callback {
  readonly #options: StopCheckpointOptions;
  /** The place in training that a full checkpoint was last made of, or that this run began at. */
  #known = "";
  #path: string | null = null;

  constructor(options: StopCheckpointOptions) {
    super();
    this.#options = options;
  }

  /** What it wrote; null when there was no need. */
  get path(): string | null {
    return this.#path;
  }

  override onTrainStart(trainer: TrainerState): void {
    this.#known = placeIn(trainer);
  }

  /** Called for full checkpoints only: one of weights alone cannot be resumed. */
  override onSaveCheckpoint(trainer: TrainerState): void {
    this.#known = placeIn(trainer);
  }

  override async onTrainEnd(trainer: TrainerState): Promise<void> {
    if (this.#options.isStopped()) await this.#save(trainer);
  }

  /** A disk that has refused a checkpoint is not asked again; after anything else the steps so far are worth keeping. */
  override async onException(trainer: TrainerState): Promise<void> {
    if (trainer.saveFailure !== null) return;
    const saves = this.#options.callbacks().some((each) => each instanceof ModelCheckpoint && each.savesOnException);
    // The batch that failed is not trained: only a step more than before is news.
    const hasNews = this.#known !== "" && this.#known.split(" ")[0] !== String(trainer.globalStep);
    if (!saves && hasNews && trainer.stage === "fit") await this.#save(trainer);
  }

  async #save(trainer: TrainerState): Promise<void> {
    const among = this.#options.callbacks().find((callback) => callback instanceof ModelCheckpoint);
    // undefined: enable_checkpointing is false
    if (trainer.fastDevRun || among === undefined || this.#known === placeIn(trainer)) return;
    const folder = among.dirpath ?? join(trainer.logDir, "checkpoints");
    const path = await freePath(join(folder, `epoch=${trainer.currentEpoch}-step=${trainer.globalStep}`));
    await trainer.saveCheckpoint(path);
    this.#path = path;
  }
}

function placeIn({ globalStep, currentEpoch, batchIdx }: TrainerState): string {
  return `${globalStep} ${currentEpoch} ${batchIdx}`;
}

/** What has this name already, a file of weights for instance, stays. */
async function freePath(stem: string): Promise<string> {
  let path = `${stem}.ckpt`;
  for (let version = 1; await fileExists(path); version += 1) path = `${stem}-v${version}.ckpt`;
  return path;
}
