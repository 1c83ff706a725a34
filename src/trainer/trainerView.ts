import type { LRSchedulerConfig } from "../core/lrSchedulerConfig.js";
import type { Logger } from "../core/logger.js";
import type { SaveOptions, FitLoopState, Stage, TrainerState } from "../core/trainerState.js";
import type { Executor } from "../engine/executor.js";
import type { MetricsBoard } from "../loops/metricsBoard.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { FitRun } from "./fitRun.js";
import type { ResolvedOptions } from "./options.js";

/** What is seen of a run that does not train. */
export interface Evaluation {
  readonly stage: Exclude<Stage, "fit" | "sanityCheck">;
  /** After limits; 0 before they are known. */
  readonly numBatches: number;
  readonly board: MetricsBoard | null;
}

const NO_METRICS: ReadonlyMap<string, number> = new Map();

/** What modules and callbacks see of a trainer: the run under way, or the last one when it is over. */
export abstract class TrainerView implements TrainerState {
  readonly options: ResolvedOptions;
  shouldStop = false;
  /** The last fit; what is validated or tested after it is counted by its epochs and steps. */
  protected fitRun: FitRun | null = null;
  /** What was validated, tested or predicted since. */
  protected evaluation: Evaluation | null = null;
  /** There is one while something runs. */
  protected openExecutor: Executor | null = null;
  protected resumedFrom: string | null = null;

  protected constructor(options: ResolvedOptions) {
    this.options = options;
  }

  abstract saveCheckpoint(path: string, options?: SaveOptions): Promise<void>;
  abstract settleCheckpoints(): Promise<void>;
  abstract warn(message: string): void;
  abstract get saveFailure(): unknown;

  get globalStep(): number {
    return this.fitRun?.epochLoop.globalStep ?? 0;
  }
  get currentEpoch(): number {
    return this.fitRun?.fitLoop.currentEpoch ?? 0;
  }
  get maxEpochs(): number {
    return this.fitRun?.fitLoop.maxEpochs ?? this.options.maxEpochs;
  }
  get maxSteps(): number {
    return this.options.maxSteps;
  }
  get numTrainingBatches(): number {
    return this.fitRun?.epochLoop.numTrainingBatches ?? Number.POSITIVE_INFINITY;
  }
  get numValidationBatches(): number {
    if (this.evaluation?.stage === "validate") return this.evaluation.numBatches;
    return this.fitRun?.epochLoop.validation.numBatches ?? 0;
  }
  get numTestBatches(): number {
    return this.evaluation?.stage === "test" ? this.evaluation.numBatches : 0;
  }
  get numPredictBatches(): number {
    return this.evaluation?.stage === "predict" ? this.evaluation.numBatches : 0;
  }
  get numSanityValBatches(): number {
    return this.fitRun?.numSanityValBatches ?? 0;
  }
  get valCheckInterval(): number | null {
    return this.options.valCheckInterval;
  }
  get valCheckSeconds(): number | null {
    return this.options.valCheckSeconds;
  }
  get checkValEveryNEpoch(): number | null {
    return this.options.checkValEveryNEpoch;
  }
  get validatesNext(): boolean {
    return this.fitRun?.epochLoop.validatesNext ?? false;
  }
  get batchIdx(): number {
    return this.fitRun?.epochLoop.batchIdx ?? -1;
  }
  get isLastBatch(): boolean {
    return this.fitRun?.epochLoop.isLastBatch ?? false;
  }
  get stage(): Stage {
    return this.evaluation?.stage ?? this.fitRun?.stage ?? "fit";
  }
  get fastDevRun(): boolean {
    return this.options.fastDevRun > 0;
  }
  get defaultRootDir(): string {
    return this.options.defaultRootDir;
  }
  get logDir(): string {
    return this.loggers.find((logger) => logger.logDir !== null)?.logDir ?? this.options.defaultRootDir;
  }
  get loggers(): readonly Logger[] {
    return this.options.loggers;
  }
  get logEveryNSteps(): number {
    return this.options.logEveryNSteps;
  }
  get loggerStep(): number {
    return this.fitRun?.epochLoop.batchesThatStepped ?? 0;
  }
  get shouldLog(): boolean {
    return this.fitRun?.epochLoop.shouldLog ?? false;
  }
  get executor(): Executor {
    if (this.openExecutor === null) throw new Error("there is an executor only while the trainer runs");
    return this.openExecutor;
  }
  get ckptPath(): string | null {
    return this.resumedFrom;
  }
  get callbackMetrics(): ReadonlyMap<string, number> {
    return this.board?.callbackMetrics ?? NO_METRICS;
  }
  get progressBarMetrics(): ReadonlyMap<string, number> {
    return this.board?.progressBarMetrics ?? NO_METRICS;
  }
  get optimizers(): readonly Optimizer[] {
    return this.fitRun?.optimizers ?? [];
  }
  get lrSchedulerConfigs(): readonly LRSchedulerConfig[] {
    return this.fitRun?.schedulers ?? [];
  }
  get fitLoop(): FitLoopState | null {
    return this.fitRun?.fitLoop ?? null;
  }
  get accumulateGradBatches(): number {
    return this.fitRun?.epochLoop.window.size ?? this.options.accumulateGradBatches;
  }
  set accumulateGradBatches(batches: number) {
    this.fitRun?.epochLoop.window.resize(batches);
  }
  get learningRates(): readonly number[] {
    return this.optimizers.flatMap(({ paramGroups }) => paramGroups.map(({ lr }) => lr));
  }

  showMetrics(metrics: ReadonlyMap<string, number>): void {
    this.board?.show({ callback: new Map(metrics), progressBar: new Map(), log: new Map() });
  }

  protected get board(): MetricsBoard | null {
    return this.evaluation === null ? (this.fitRun?.board ?? null) : this.evaluation.board;
  }
}
