import type { Replica } from "../checkpoint/saveOrder.js";
import type { Executor } from "../engine/executor.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { PyDict } from "../pickle/values.js";
import type { Logger } from "./logger.js";
import type { LRSchedulerConfig } from "./lrSchedulerConfig.js";

/** What is being done: Lightning's trainer.state.fn and stage in one word. */
export type Stage = "fit" | "sanityCheck" | "validate" | "test" | "predict";

/** When a checkpoint was saved; by the time it is durable, training is further. */
export interface SavedMoment {
  readonly epoch: number;
  readonly globalStep: number;
}

/** How a moment is saved. */
export interface SaveOptions {
  readonly weightsOnly?: boolean;
  /**
   * Resolve when the state has been copied aside, and write it while training goes on. What goes wrong then is thrown
   * after a later batch, by the next save, or at the end of training.
   */
  readonly background?: boolean;
  /** The same moment in further files, in which the callback of the key has this state. */
  readonly also?: readonly { readonly path: string; readonly stateKey: string; readonly state: PyDict }[];
  /** Names that a checkpoint is to have beside its own, when all files are written. */
  readonly replicas?: readonly Replica[];
  /** Files that these take the place of: removed when all is durable. */
  readonly retired?: readonly string[];
}

/** Files that a callback will write. */
export interface ExpectedCheckpoints {
  readonly folder: string;
  /** The most that lie there at once, the one being written among them; those that are there already are left out. */
  readonly files: number;
  readonly weightsOnly: boolean;
}

/** What a training step gave, read to the host: `loss` and what was logged under its own name. */
export type StepResult = Readonly<Record<string, number>>;

/** The fit under way, as far as callbacks may change it: Lightning's trainer.fit_loop. */
export interface FitLoopState {
  /** -1: no limit. Set it to train longer, or shorter. */
  maxEpochs: number;
  /**
   * true: batches go forward only, without gradients and without an update. As in Lightning, the last one of an epoch
   * is counted as an optimizer step all the same.
   */
  skipBackward: boolean;
  /** Whether somebody has asked to end training in the middle of the epoch, to go on later. */
  readonly interrupted: boolean;
  readonly optimizers: readonly Optimizer[];
  /** What moves the learning rates; set it to put others in their place. */
  lrSchedulerConfigs: readonly LRSchedulerConfig[];
}

/**
 * What modules and callbacks may see of the trainer, and the few things they may ask of it. Trainer implements it;
 * nothing below trainer/ knows Trainer itself.
 */
export interface TrainerState {
  /** Optimizer steps taken so far. */
  readonly globalStep: number;
  /** Index of the epoch under way, from 0. */
  readonly currentEpoch: number;
  /** -1: no limit. */
  readonly maxEpochs: number;
  /** -1: no limit. */
  readonly maxSteps: number;
  /** Batches of one training epoch after limits; Infinity while unknown. */
  readonly numTrainingBatches: number;
  /** Batches of one validation run after limits; 0 without validation. */
  readonly numValidationBatches: number;
  /** Batches of the test, or of the prediction, that is under way or was last, after limits; else 0. */
  readonly numTestBatches: number;
  readonly numPredictBatches: number;
  /** Batches of the sanity check. */
  readonly numSanityValBatches: number;
  /** Training batches between two validations: a whole number, or a part of the epoch below 1; null: at its end. */
  readonly valCheckInterval: number | null;
  /** Seconds between two validations, where it is the clock that decides. */
  readonly valCheckSeconds: number | null;
  /** null: validations are counted across epochs. */
  readonly checkValEveryNEpoch: number | null;
  /** Whether a validation follows the training batch under way. */
  readonly validatesNext: boolean;
  /** Index of the training batch under way within its epoch. */
  readonly batchIdx: number;
  /** Whether the training batch under way is the last of its epoch. */
  readonly isLastBatch: boolean;
  readonly stage: Stage;
  readonly fastDevRun: boolean;
  readonly defaultRootDir: string;
  /** Folder of this run: lightning_logs/version_N, or default_root_dir without a logger. */
  readonly logDir: string;
  readonly loggers: readonly Logger[];
  readonly logEveryNSteps: number;
  /** The step that rows of the training batch under way have in the loggers. */
  readonly loggerStep: number;
  /** Whether the metrics of the training batch under way go to the loggers. */
  readonly shouldLog: boolean;
  readonly executor: Executor;
  /** The checkpoint this run was resumed from, if it was. */
  readonly ckptPath: string | null;
  /**
   * Everything logged so far, for callbacks: monitors look here. Names as Lightning gives them. Values of a training
   * step are as of the last batch that was read: the logged ones, the last of an epoch, and those that a callback wanted.
   */
  readonly callbackMetrics: ReadonlyMap<string, number>;
  /** What the progress bar shows (`prog_bar: true`); as fresh as callbackMetrics. */
  readonly progressBarMetrics: ReadonlyMap<string, number>;
  /** What configureOptimizers gave, from onFitStart on. */
  readonly optimizers: readonly Optimizer[];
  readonly lrSchedulerConfigs: readonly LRSchedulerConfig[];
  /** The fit under way; null when there is none. */
  readonly fitLoop: FitLoopState | null;
  /** Learning rate of every param group of every optimizer, in order. */
  readonly learningRates: readonly number[];
  /** Batches whose gradients make one optimizer step; may be set between two epochs. */
  accumulateGradBatches: number;
  /** Why the newest checkpoint could not be written; null where it could, or is being written. */
  readonly saveFailure: unknown;
  /** Set to end training after this batch. */
  shouldStop: boolean;
  /** Put values among callbackMetrics. */
  showMetrics(metrics: ReadonlyMap<string, number>): void;
  /** Write a checkpoint of this moment, atomically; resolves when it is durable. */
  saveCheckpoint(path: string, options?: SaveOptions): Promise<void>;
  /** Wait until what is being saved is durable and whoever wants to know has been told; throws when that went wrong. */
  settleCheckpoints(): Promise<void>;
  /** Tell the user something that is not an error; the same sentence is told once. */
  warn(message: string): void;
}
