import { Timer } from "../callbacks/timer.js";
import type { VerifyMode } from "../checkpoint/saveOrder.js";
import type { Callback } from "../core/callback.js";
import { secondsOf } from "../core/duration.js";
import type { Logger } from "../core/logger.js";
import type { EngineName } from "../engine/executor.js";
import { LtrainError } from "../errors.js";
import type { GradientClip } from "../loops/gradientClip.js";
import { CSVLogger } from "../loggers/csvLogger.js";
import { createPrecision } from "../precision/createPrecision.js";
import type { Precision, PrecisionName } from "../precision/precision.js";
import { BAREBONES_NOTE, withoutExtras } from "./barebones.js";
import type { Deterministic } from "./determinism.js";
import { refuseLightningArguments } from "./lightningArguments.js";
import { requireCount, requireLimit } from "./optionChecks.js";
import { resolveCallbacks } from "./trainerCallbacks.js";
import type { Accelerator, BatchLimit, OnDiskFull, TrainerOptions } from "./trainerOptions.js";

export type { Accelerator, BatchLimit, OnDiskFull, TrainerOptions } from "./trainerOptions.js";

/** TrainerOptions with every default filled in and every contradiction refused. */
export interface ResolvedOptions {
  readonly maxEpochs: number;
  readonly maxSteps: number;
  readonly minEpochs: number;
  readonly minSteps: number;
  readonly limitTrainBatches: BatchLimit;
  readonly limitValBatches: BatchLimit;
  readonly limitTestBatches: BatchLimit;
  readonly limitPredictBatches: BatchLimit;
  /** Whether it is always the same batches: overfit_batches. */
  readonly overfits: boolean;
  /** Batches of a fast_dev_run, 0 when it is none. */
  readonly fastDevRun: number;
  readonly defaultRootDir: string;
  readonly logEveryNSteps: number;
  /** null where it is the end of the epoch, or the clock. */
  readonly valCheckInterval: number | null;
  readonly valCheckSeconds: number | null;
  readonly checkValEveryNEpoch: number | null;
  readonly reloadDataloadersEveryNEpochs: number;
  readonly numSanityValSteps: number;
  readonly accumulateGradBatches: number;
  readonly gradientClip: GradientClip | null;
  readonly deterministic: Deterministic;
  readonly detectAnomaly: boolean;
  readonly barebones: boolean;
  readonly enableAutologHparams: boolean;
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
export function resolveOptions(given: TrainerOptions): ResolvedOptions {
  refuseLightningArguments(given);
  const options = withoutExtras(given);
  const warnings: string[] = [];
  const fastDevRun = Number(options.fastDevRun ?? false);
  requireCount("fast_dev_run", fastDevRun, 0);
  const isDev = fastDevRun > 0;
  const defaultRootDir = options.defaultRootDir ?? ".";
  const maxSteps = isDev ? fastDevRun : (options.maxSteps ?? -1);
  requireCount("max_steps", maxSteps, -1);
  const callbacks = resolveCallbacks(options, isDev, warnings);
  const overfitBatches = options.overfitBatches === undefined ? 0 : options.overfitBatches;
  const overfits = overfitBatches !== 0;
  const limited = (limit: BatchLimit | undefined): BatchLimit => (isDev ? fastDevRun : (limit ?? null));
  const minSteps = options.minSteps ?? 0;
  const resolved: ResolvedOptions = {
    maxEpochs: isDev ? 1 : resolveMaxEpochs(options.maxEpochs ?? null, maxSteps, callbacks, warnings),
    maxSteps,
    minSteps,
    // As in Lightning: whoever asks for steps wants the first epoch to begin, whatever asks to stop before it.
    minEpochs: options.minEpochs ?? ((options.minSteps ?? null) === null ? 0 : 1),
    limitTrainBatches: overfits ? overfitBatches : limited(options.limitTrainBatches),
    limitValBatches: overfits ? overfitBatches : limited(options.limitValBatches),
    limitTestBatches: limited(options.limitTestBatches),
    limitPredictBatches: limited(options.limitPredictBatches),
    overfits,
    fastDevRun,
    defaultRootDir,
    logEveryNSteps: options.logEveryNSteps ?? 50,
    ...(isDev ? EPOCH_ENDS : resolveValidation(options)),
    reloadDataloadersEveryNEpochs: options.reloadDataloadersEveryNEpochs ?? 0,
    numSanityValSteps: resolveSanitySteps(fastDevRun, options.numSanityValSteps ?? 2),
    accumulateGradBatches: options.accumulateGradBatches ?? 1,
    gradientClip: resolveClip(options),
    deterministic: options.deterministic ?? false,
    detectAnomaly: options.detectAnomaly ?? false,
    barebones: options.barebones ?? false,
    enableAutologHparams: options.enableAutologHparams ?? true,
    accelerator: options.accelerator ?? "auto",
    engine: options.engine ?? "auto",
    precision: resolvePrecision(options.precision ?? "32-true"),
    verifyCheckpoints: options.verifyCheckpoints ?? "full",
    asyncCheckpoints: options.asyncCheckpoints ?? true,
    onDiskFull: options.onDiskFull ?? "stop",
    loggers: isDev ? [] : resolveLoggers(options.logger ?? true, defaultRootDir),
    callbacks,
    warnings,
  };
  if (resolved.barebones) warnings.push(BAREBONES_NOTE);
  requireCount("max_epochs", resolved.maxEpochs, -1);
  requireCount("min_epochs", resolved.minEpochs, 0);
  requireCount("min_steps", minSteps, 0);
  requireCount("log_every_n_steps", resolved.logEveryNSteps, 0);
  requireCount("check_val_every_n_epoch", resolved.checkValEveryNEpoch ?? 1, 1);
  requireCount("reload_dataloaders_every_n_epochs", resolved.reloadDataloadersEveryNEpochs, 0);
  requireCount("accumulate_grad_batches", resolved.accumulateGradBatches, 1);
  requireLimit("overfit_batches", overfitBatches);
  requireLimit("limit_train_batches", resolved.limitTrainBatches);
  requireLimit("limit_val_batches", resolved.limitValBatches);
  requireLimit("limit_test_batches", resolved.limitTestBatches);
  requireLimit("limit_predict_batches", resolved.limitPredictBatches);
  return resolved;
}

type Validation = Pick<ResolvedOptions, "valCheckInterval" | "valCheckSeconds" | "checkValEveryNEpoch">;

const EPOCH_ENDS: Validation = { valCheckInterval: null, valCheckSeconds: null, checkValEveryNEpoch: 1 };

function resolveValidation(options: TrainerOptions): Validation {
  const { valCheckInterval: interval = null, checkValEveryNEpoch = 1 } = options;
  if (interval !== null && typeof interval !== "number") {
    const valCheckSeconds = secondsOf("trainer.val_check_interval", interval);
    return { valCheckInterval: null, valCheckSeconds, checkValEveryNEpoch };
  }
  if (interval !== null && !(interval > 0 && (interval < 1 || Number.isInteger(interval)))) {
    throw new LtrainError(
      "config.invalid",
      `trainer.val_check_interval must be a number of training batches or a part of the epoch below 1, got ${interval}`,
      { hint: "leave it out to validate at every epoch's end; limit_val_batches: 0 trains without validation" },
    );
  }
  if (interval !== null && interval < 1 && checkValEveryNEpoch === null) {
    throw new LtrainError(
      "config.invalid",
      `trainer.val_check_interval is ${interval} of an epoch, and check_val_every_n_epoch is null: ` +
        "across epochs it is a number of batches or a length of time",
    );
  }
  return { valCheckInterval: interval, valCheckSeconds: null, checkValEveryNEpoch };
}

function resolvePrecision(given: NonNullable<TrainerOptions["precision"]>): Precision | PrecisionName {
  return typeof given === "object" ? given : createPrecision(given).name;
}

/** A Timer ends training too, so that without a number of epochs there is no limit then. */
function resolveMaxEpochs(
  maxEpochs: number | null,
  maxSteps: number,
  callbacks: readonly Callback[],
  warnings: string[],
): number {
  if (maxEpochs !== null) return maxEpochs;
  if (maxSteps !== -1 || callbacks.some((callback) => callback instanceof Timer)) return -1;
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
