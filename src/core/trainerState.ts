import type { Executor } from "../engine/executor.js";
import type { Logger } from "./logger.js";

/** What is being done: Lightning's trainer.state.fn and stage in one word. */
export type Stage = "fit" | "sanityCheck" | "validate" | "test" | "predict";

/**
 * What modules and callbacks may see of the trainer, and the three things they may ask of it. Trainer implements it;
 * nothing below trainer/ knows Trainer itself.
 */
export interface TrainerState {
  /** Optimizer steps taken so far. */
  readonly globalStep: number;
  /** Index of the epoch under way, from 0. */
  readonly currentEpoch: number;
  readonly maxEpochs: number;
  readonly maxSteps: number;
  /** Batches of one training epoch after limits; Infinity while unknown. */
  readonly numTrainingBatches: number;
  readonly numValidationBatches: number;
  readonly checkValEveryNEpoch: number;
  /** Index of the training batch under way within its epoch. */
  readonly batchIdx: number;
  readonly stage: Stage;
  readonly fastDevRun: boolean;
  readonly defaultRootDir: string;
  /** Folder of this run: lightning_logs/version_N, or default_root_dir without a logger. */
  readonly logDir: string;
  readonly loggers: readonly Logger[];
  readonly executor: Executor;
  /** The checkpoint this run was resumed from, if it was. */
  readonly ckptPath: string | null;
  /** Everything logged so far, for callbacks: monitors look here. Names as Lightning gives them. */
  readonly callbackMetrics: ReadonlyMap<string, number>;
  /** What the progress bar shows (`prog_bar: true`). */
  readonly progressBarMetrics: ReadonlyMap<string, number>;
  /** Set to end training after this batch. */
  shouldStop: boolean;
  /** Write a checkpoint of this moment, atomically; resolves when it is durable. */
  saveCheckpoint(path: string, options?: { readonly weightsOnly?: boolean }): Promise<void>;
}
