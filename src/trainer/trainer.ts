import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { Logger } from "../core/logger.js";
import type { Stage, TrainerState } from "../core/trainerState.js";
import type { Executor } from "../engine/executor.js";
import type { ResolvedOptions, TrainerOptions } from "./options.js";
import { resolveOptions } from "./options.js";

/** What fit was asked beyond its options. */
export interface FitOptions {
  /** A checkpoint to resume from: model, optimizers, schedulers, callbacks, loops, data position, random state. */
  readonly ckptPath?: string | null;
}

/** How a fit went. */
export interface FitResult {
  readonly globalStep: number;
  /** Epochs finished, counting those before a resume. */
  readonly epochs: number;
  readonly seconds: number;
  /** Optimizer steps per second after the first 50 of this run; null when there were no more. */
  readonly stepsPerSecond: number | null;
  /** Why it ended, in one sentence. */
  readonly stopReason: string;
  /** "" when no checkpoint was written. */
  readonly bestModelPath: string;
  readonly lastCheckpointPath: string;
  readonly callbackMetrics: ReadonlyMap<string, number>;
}

/** Owns a run: Lightning's Trainer. It owns, the loops work. */
export class Trainer implements TrainerState {
  readonly options: ResolvedOptions;
  shouldStop = false;

  constructor(options: TrainerOptions = {}) {
    this.options = resolveOptions(options);
  }
  get globalStep(): number {
    return 0;
  }
  get currentEpoch(): number {
    return 0;
  }
  get maxEpochs(): number {
    return 0;
  }
  get maxSteps(): number {
    return 0;
  }
  get numTrainingBatches(): number {
    return 0;
  }
  get numValidationBatches(): number {
    return 0;
  }
  get numSanityValBatches(): number {
    return 0;
  }
  get checkValEveryNEpoch(): number {
    return 0;
  }
  get batchIdx(): number {
    return 0;
  }
  get isLastBatch(): boolean {
    return false;
  }
  get stage(): Stage {
    return "fit";
  }
  get fastDevRun(): boolean {
    return false;
  }
  get defaultRootDir(): string {
    return "";
  }
  get logDir(): string {
    return "";
  }
  get loggers(): readonly Logger[] {
    return [];
  }
  get logEveryNSteps(): number {
    return 0;
  }
  get shouldLog(): boolean {
    return false;
  }
  get executor(): Executor {
    throw new Error("not written");
  }
  get ckptPath(): string | null {
    return null;
  }
  get callbackMetrics(): ReadonlyMap<string, number> {
    return new Map();
  }
  get progressBarMetrics(): ReadonlyMap<string, number> {
    return new Map();
  }
  get learningRates(): readonly number[] {
    return [];
  }
  saveCheckpoint(path: string, options: { readonly weightsOnly?: boolean } = {}): Promise<void> {
    throw new Error(`not written ${path} ${String(options)}`);
  }
  warn(message: string): void {
    throw new Error(`not written ${message}`);
  }
  /** End training after the batch under way; `reason` becomes the result's stopReason. */
  stop(reason: string): void {
    throw new Error(`not written ${reason}`);
  }
  /** Train `module` on `datamodule`; nothing is printed, what goes wrong is thrown. */
  fit(module: LightningModule, datamodule: LightningDataModule, options: FitOptions = {}): Promise<FitResult> {
    throw new Error(
      `not written ${module.constructor.name} ${datamodule.constructor.name} ${String(options.ckptPath)}`,
    );
  }
}
