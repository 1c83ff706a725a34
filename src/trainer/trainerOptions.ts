import type { CheckpointIO } from "../checkpoint/checkpointIO.js";
import type { VerifyMode } from "../checkpoint/saveOrder.js";
import type { Callback } from "../core/callback.js";
import type { Duration } from "../core/duration.js";
import type { Logger } from "../core/logger.js";
import type { Compilation, EngineName } from "../engine/executor.js";
import type { GradientClip } from "../loops/gradientClip.js";
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
  /** Before so many epochs and so many steps, only an interruption ends training early. */
  readonly minEpochs?: number | null;
  readonly minSteps?: number | null;
  /** Training ends after so long: a Timer is added to the callbacks. */
  readonly maxTime?: Duration | null;
  readonly limitTrainBatches?: BatchLimit;
  readonly limitValBatches?: BatchLimit;
  readonly limitTestBatches?: BatchLimit;
  readonly limitPredictBatches?: BatchLimit;
  /** Train and validate on so few batches, the same ones in every epoch; 0: not. */
  readonly overfitBatches?: BatchLimit;
  /** true (1 batch) or a number of batches: train and validate on so many, without loggers and checkpoints. */
  readonly fastDevRun?: boolean | number;
  readonly defaultRootDir?: string | null;
  readonly enableCheckpointing?: boolean | null;
  /** For whoever builds the callbacks: Trainer itself adds no progress bar and no summary. */
  readonly enableProgressBar?: boolean | null;
  readonly enableModelSummary?: boolean | null;
  readonly logEveryNSteps?: number | null;
  /**
   * Training batches between two validations: a whole number, or a part of the epoch below 1; null is its end (Lightning's
   * 1.0). "DD:HH:MM:SS" or { minutes: 30 }: validate when so much time has passed since the last validation.
   */
  readonly valCheckInterval?: number | Exclude<Duration, number> | null;
  /** Epochs whose number this divides are validated; null: valCheckInterval counts batches across epochs. */
  readonly checkValEveryNEpoch?: number | null;
  /** Ask the data module for its loaders again after so many epochs; 0: never. */
  readonly reloadDataloadersEveryNEpochs?: number;
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
  /** Stop at the first number that is not finite, and name the module it comes from; costs time. */
  readonly detectAnomaly?: boolean;
  /** For measuring speed: no checkpoints, logging, progress bar, summary or sanity check. */
  readonly barebones?: boolean;
  /** Whether hyperparameters are written to the loggers; true where nothing is said. */
  readonly enableAutologHparams?: boolean;
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
