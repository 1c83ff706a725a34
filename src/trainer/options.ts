import { ModelCheckpoint } from "../callbacks/modelCheckpoint.js";
import type { CheckpointIO } from "../checkpoint/checkpointIO.js";
import type { VerifyMode } from "../checkpoint/saveOrder.js";
import type { Callback } from "../core/callback.js";
import type { Logger } from "../core/logger.js";
import type { Compilation, EngineName } from "../engine/executor.js";
import { LtrainError } from "../errors.js";
import type { GradientClip } from "../loops/gradientClip.js";
import { CSVLogger } from "../loggers/csvLogger.js";
import { createPrecision } from "../precision/createPrecision.js";
import type { Precision, PrecisionName } from "../precision/precision.js";
import type { Deterministic } from "./determinism.js";

/** Where to compute. */
export type Accelerator = "auto" | "cpu" | "gpu";

/**
 * A limit on batches: a whole number counts them (1 is one batch), a number below 1 is a fraction, null is all of
 * them (Lightning's 1.0, which JavaScript cannot tell from 1).
 */
export type BatchLimit = number | null;

/** What is done when a checkpoint does not fit on the disk: end the run, wait for room, or make some. */
export type OnDiskFull = "stop" | "pause" | "prune";

/** What Trainer takes; names are Lightning's in camelCase, and so are the defaults. */
export interface TrainerOptions {
  /** -1: no limit. Without it and without maxSteps there are 1000. */
  readonly maxEpochs?: number | null;
  /** -1: no limit. */
  readonly maxSteps?: number;
  readonly limitTrainBatches?: BatchLimit;
  readonly limitValBatches?: BatchLimit;
  readonly limitTestBatches?: BatchLimit;
  readonly limitPredictBatches?: BatchLimit;
  /** true (1 batch) or a number of batches: train and validate on so many, without loggers and checkpoints. */
  readonly fastDevRun?: boolean | number;
  readonly defaultRootDir?: string | null;
  readonly enableCheckpointing?: boolean | null;
  /** For whoever builds the callbacks: Trainer itself adds no progress bar and no summary. */
  readonly enableProgressBar?: boolean | null;
  readonly enableModelSummary?: boolean | null;
  readonly logEveryNSteps?: number | null;
  readonly checkValEveryNEpoch?: number;
  /** -1: the whole validation set. */
  readonly numSanityValSteps?: number | null;
  /** Batches whose gradients make one optimizer step; the loss is divided by it. */
  readonly accumulateGradBatches?: number;
  /** Gradients longer than this are shortened; null or 0: none. */
  readonly gradientClipVal?: number | null;
  /** What is compared with gradientClipVal: the norm of all gradients together (the default), or every element. */
  readonly gradientClipAlgorithm?: GradientClip["algorithm"] | null;
  /** true: refuse a device that may give other bits from run to run; "warn": only say so. */
  readonly deterministic?: Deterministic | null;
  readonly accelerator?: Accelerator;
  readonly engine?: EngineName | "auto";
  /**
   * Lightning's names and aliases: 16 is 16-mixed, bf16 is bf16-mixed, 32 is 32-true; or a precision that is set up
   * already, as Lightning's plugins are: `float16Mixed(new GradScaler({ initScale: 1024 }))`.
   */
  readonly precision?: PrecisionName | "16" | "bf16" | "32" | 16 | 32 | Precision;
  /** true: a CSVLogger under defaultRootDir. */
  readonly logger?: boolean | Logger | readonly Logger[] | null;
  readonly callbacks?: readonly Callback[];
  /** The resolved config in plain data; kept in every checkpoint, so that it can be resumed without the file. */
  readonly config?: Readonly<Record<string, unknown>> | null;
  /** How checkpoints are read and written; torch's zip files when absent. */
  readonly checkpointIO?: CheckpointIO;
  /** How a checkpoint is looked at before it takes its name: every byte (the default), its structure, or not at all. */
  readonly verifyCheckpoints?: VerifyMode | null;
  /** Whether training goes on while a checkpoint is written: true where nothing is said. */
  readonly asyncCheckpoints?: boolean | null;
  /** When a checkpoint does not fit on the disk: end the run (the default), wait for room, or remove older checkpoints. */
  readonly onDiskFull?: OnDiskFull | null;
  /** Hears of every step that the engine compiles. */
  readonly onCompile?: (compilation: Compilation) => void;
  /** Told every warning; nothing is printed here. */
  readonly onWarning?: (message: string) => void;
}

/** TrainerOptions with every default filled in and every contradiction refused. */
export interface ResolvedOptions {
  readonly maxEpochs: number;
  readonly maxSteps: number;
  readonly limitTrainBatches: BatchLimit;
  readonly limitValBatches: BatchLimit;
  readonly limitTestBatches: BatchLimit;
  readonly limitPredictBatches: BatchLimit;
  /** Batches of a fast_dev_run, 0 when it is none. */
  readonly fastDevRun: number;
  readonly defaultRootDir: string;
  readonly logEveryNSteps: number;
  readonly checkValEveryNEpoch: number;
  readonly numSanityValSteps: number;
  readonly accumulateGradBatches: number;
  readonly gradientClip: GradientClip | null;
  readonly deterministic: Deterministic;
  readonly accelerator: Accelerator;
  readonly engine: EngineName | "auto";
  /** One that is set up, or the name of one that is made for each fit. */
  readonly precision: Precision | PrecisionName;
  readonly verifyCheckpoints: VerifyMode;
  readonly asyncCheckpoints: boolean;
  readonly onDiskFull: OnDiskFull;
  readonly loggers: readonly Logger[];
  readonly callbacks: readonly Callback[];
  readonly warnings: readonly string[];
}

/** Fill in Lightning's defaults; what may not be together is config.invalid. */
export function resolveOptions(options: TrainerOptions): ResolvedOptions {
  const warnings: string[] = [];
  const fastDevRun = Number(options.fastDevRun ?? false);
  requireCount("fast_dev_run", fastDevRun, 0);
  const defaultRootDir = options.defaultRootDir ?? ".";
  const maxSteps = fastDevRun > 0 ? fastDevRun : (options.maxSteps ?? -1);
  requireCount("max_steps", maxSteps, -1);
  const resolved: ResolvedOptions = {
    maxEpochs: fastDevRun > 0 ? 1 : resolveMaxEpochs(options.maxEpochs ?? null, maxSteps, warnings),
    maxSteps,
    limitTrainBatches: fastDevRun > 0 ? fastDevRun : (options.limitTrainBatches ?? null),
    limitValBatches: fastDevRun > 0 ? fastDevRun : (options.limitValBatches ?? null),
    limitTestBatches: fastDevRun > 0 ? fastDevRun : (options.limitTestBatches ?? null),
    limitPredictBatches: fastDevRun > 0 ? fastDevRun : (options.limitPredictBatches ?? null),
    fastDevRun,
    defaultRootDir,
    logEveryNSteps: options.logEveryNSteps ?? 50,
    checkValEveryNEpoch: options.checkValEveryNEpoch ?? 1,
    numSanityValSteps: resolveSanitySteps(fastDevRun, options.numSanityValSteps ?? 2),
    accumulateGradBatches: options.accumulateGradBatches ?? 1,
    gradientClip: resolveClip(options),
    deterministic: options.deterministic ?? false,
    accelerator: options.accelerator ?? "auto",
    engine: options.engine ?? "auto",
    precision: resolvePrecision(options.precision ?? "32-true"),
    verifyCheckpoints: options.verifyCheckpoints ?? "full",
    asyncCheckpoints: options.asyncCheckpoints ?? true,
    onDiskFull: options.onDiskFull ?? "stop",
    loggers: fastDevRun > 0 ? [] : resolveLoggers(options.logger ?? true, defaultRootDir),
    callbacks: resolveCallbacks(options, fastDevRun > 0),
    warnings,
  };
  requireCount("max_epochs", resolved.maxEpochs, -1);
  requireCount("log_every_n_steps", resolved.logEveryNSteps, 0);
  requireCount("check_val_every_n_epoch", resolved.checkValEveryNEpoch, 1);
  requireCount("accumulate_grad_batches", resolved.accumulateGradBatches, 1);
  requireLimit("limit_train_batches", resolved.limitTrainBatches);
  requireLimit("limit_val_batches", resolved.limitValBatches);
  requireLimit("limit_test_batches", resolved.limitTestBatches);
  requireLimit("limit_predict_batches", resolved.limitPredictBatches);
  return resolved;
}

function resolvePrecision(given: NonNullable<TrainerOptions["precision"]>): Precision | PrecisionName {
  return typeof given === "object" ? given : createPrecision(given).name;
}

function resolveMaxEpochs(maxEpochs: number | null, maxSteps: number, warnings: string[]): number {
  if (maxEpochs !== null) return maxEpochs;
  if (maxSteps !== -1) return -1;
  warnings.push("max_epochs was not set: training for 1000 epochs; max_epochs: -1 trains without a limit");
  return 1000;
}

function resolveSanitySteps(fastDevRun: number, steps: number): number {
  if (fastDevRun > 0) return 0;
  requireCount("num_sanity_val_steps", steps, -1);
  return steps === -1 ? Number.POSITIVE_INFINITY : steps;
}

function resolveClip(options: TrainerOptions): GradientClip | null {
  const value = options.gradientClipVal ?? 0;
  if (!(value >= 0)) {
    throw new LtrainError("config.invalid", `trainer.gradient_clip_val must not be negative, got ${value}`);
  }
  // Lightning clips to nothing by clipping not at all.
  return value === 0 ? null : { value, algorithm: options.gradientClipAlgorithm ?? "norm" };
}

function resolveLoggers(logger: boolean | Logger | readonly Logger[], rootDir: string): readonly Logger[] {
  if (logger === true) return [new CSVLogger(rootDir)];
  if (logger === false) return [];
  return isLoggerList(logger) ? logger : [logger];
}

function isLoggerList(logger: Logger | readonly Logger[]): logger is readonly Logger[] {
  return Array.isArray(logger);
}

/** Checkpoint callbacks last, the others in their order; one ModelCheckpoint when none is given and none is refused. */
function resolveCallbacks(options: TrainerOptions, fastDevRun: boolean): readonly Callback[] {
  const callbacks = [...(options.callbacks ?? [])];
  const enabled = options.enableCheckpointing ?? true;
  const checkpointing = callbacks.filter((callback) => callback.order === "last");
  if (!enabled && checkpointing.length > 0) {
    throw new LtrainError(
      "config.invalid",
      `trainer.enable_checkpointing is false, but a ${checkpointing[0]?.constructor.name ?? "ModelCheckpoint"} ` +
        "is among trainer.callbacks",
      { hint: "remove the callback, or set enable_checkpointing to true" },
    );
  }
  if (enabled && checkpointing.length === 0 && !fastDevRun) checkpointing.push(new ModelCheckpoint());
  const sorted = [...callbacks.filter((callback) => callback.order !== "last"), ...checkpointing];
  refuseEqualKeys(sorted);
  return sorted;
}

/** Two callbacks with state under one key would overwrite each other in the checkpoint. */
function refuseEqualKeys(callbacks: readonly Callback[]): void {
  const seen = new Set<string>();
  for (const callback of callbacks) {
    if (callback.stateDict() === null) continue;
    if (seen.has(callback.stateKey)) {
      throw new LtrainError("config.invalid", `two callbacks have the state key ${callback.stateKey}`, {
        hint: "give them different settings, or remove one of them",
      });
    }
    seen.add(callback.stateKey);
  }
}

function requireCount(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new LtrainError("config.invalid", `trainer.${name} must be a whole number not below ${least}, got ${value}`);
}

function requireLimit(name: string, limit: BatchLimit): void {
  if (limit === null || (limit >= 0 && (Number.isInteger(limit) || limit < 1))) return;
  throw new LtrainError(
    "config.invalid",
    `trainer.${name} must be a number of batches or a fraction below 1, got ${limit}`,
    { hint: "leave it out for all batches" },
  );
}
