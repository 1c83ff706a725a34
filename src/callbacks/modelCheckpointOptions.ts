import type { Duration } from "../core/duration.js";
import { secondsOf } from "../core/duration.js";
import { LtrainError } from "../errors.js";

/** What a ModelCheckpoint watches, keeps and calls its files; names and defaults are Lightning's. */
export interface ModelCheckpointOptions {
  /** Folder for the files; `checkpoints` in the run's folder when not given. */
  readonly dirpath?: string | null;
  /** Template of the name; `{epoch}-{step}` when not given. */
  readonly filename?: string | null;
  /** The logged value that decides what is best; without one the newest is. */
  readonly monitor?: string | null;
  readonly verbose?: boolean;
  /**
   * true: whenever something is saved, `last.ckpt` is written too, a file of its own. "link": it is the file that was
   * saved under a second name, or a copy where the file system has no such thing; never a symbolic link, which can dangle.
   */
  readonly saveLast?: boolean | "link" | null;
  /** true: `best.ckpt` is a copy of the best checkpoint so far; "link": the same file. (ltrain's own option.) */
  readonly saveBest?: boolean | "link";
  /** How many of the best are kept: -1 all, 0 none. */
  readonly saveTopK?: number;
  readonly saveOnException?: boolean;
  readonly saveWeightsOnly?: boolean;
  readonly mode?: "min" | "max";
  /** Whether `{val_loss}` becomes `val_loss=0.3` and not `0.3`. */
  readonly autoInsertMetricName?: boolean;
  readonly everyNTrainSteps?: number | null;
  /** Time between saves, looked at after every batch: seconds, or what a Timer takes. */
  readonly trainTimeInterval?: Duration | null;
  readonly everyNEpochs?: number | null;
  /** Save at the end of the training epoch and not of the validation; decided by the trainer's settings when not given. */
  readonly saveOnTrainEpochEnd?: boolean | null;
  /** Whether an existing file is left alone and the new one called `-v1`. */
  readonly enableVersionCounter?: boolean;
}

/** When to save: exactly one of the three is set. */
export interface Triggers {
  readonly everyNTrainSteps: number;
  readonly everyNEpochs: number;
  /** Seconds. */
  readonly trainTimeInterval: number | null;
}

/** The triggers with Lightning's default: every epoch when nothing was said, else what was not said is off. */
export function resolveTriggers(options: ModelCheckpointOptions): Triggers {
  const everyNTrainSteps = options.everyNTrainSteps ?? null;
  const everyNEpochs = options.everyNEpochs ?? null;
  const given = options.trainTimeInterval ?? null;
  const trainTimeInterval = given === null ? null : secondsOf("ModelCheckpoint: train_time_interval", given, true);
  const isUnset = everyNTrainSteps === null && everyNEpochs === null && trainTimeInterval === null;
  return {
    everyNTrainSteps: everyNTrainSteps ?? 0,
    everyNEpochs: everyNEpochs ?? (isUnset ? 1 : 0),
    trainTimeInterval,
  };
}

/** Refuse what contradicts itself, before anything is trained. */
export function checkOptions(options: ModelCheckpointOptions, triggers: Triggers): void {
  const saveTopK = options.saveTopK ?? 1;
  const mode: string = options.mode ?? "min";
  if (!Number.isInteger(saveTopK) || saveTopK < -1) throw invalid(`save_top_k must be -1 or more, got ${saveTopK}`);
  if (mode !== "min" && mode !== "max") throw invalid(`mode must be "min" or "max", got "${mode}"`);
  for (const [name, value] of [
    ["every_n_train_steps", triggers.everyNTrainSteps],
    ["every_n_epochs", triggers.everyNEpochs],
  ] as const) {
    if (!Number.isInteger(value) || value < 0) throw invalid(`${name} must be 0 or more, got ${value}`);
  }
  const set = [triggers.everyNTrainSteps >= 1, triggers.everyNEpochs >= 1, triggers.trainTimeInterval !== null];
  if (set.filter(Boolean).length > 1) {
    throw invalid("every_n_train_steps, every_n_epochs and train_time_interval exclude each other", {
      hint: "use one ModelCheckpoint for each rhythm",
    });
  }
  if ((options.monitor ?? null) === null && ![-1, 0, 1].includes(saveTopK)) {
    throw invalid(`save_top_k is ${saveTopK} and nothing is monitored, so there is no best to keep`, {
      hint: 'set monitor, for instance "val_loss", or save_top_k to -1, 0 or 1',
    });
  }
}

function invalid(message: string, options: { readonly hint?: string } = {}): LtrainError {
  return new LtrainError("config.invalid", `ModelCheckpoint: ${message}`, options);
}
