import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { Batch as HostBatch } from "../data/batch.js";
import type { DataLoader } from "../data/dataLoader.js";
import { LtrainError } from "../errors.js";
import { Module } from "../nn/module.js";
import type { LRScheduler } from "../optim/lrScheduler.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Tensor } from "../tensor/tf.js";
import type { Hparams, SaveHyperparametersOptions } from "./hparams.js";
import { keepHparams, NO_HPARAMS } from "./hparams.js";
import type { ClassWithHparams, LoadFromCheckpointOptions, Overrides } from "./loadFromCheckpoint.js";
import { loadModule } from "./loadFromCheckpoint.js";
import type { LRSchedulerConfig } from "./lrSchedulerConfig.js";
import type { Prediction, StepPrediction } from "./prediction.js";
import { LightningOptimizer, LightningScheduler, Toggles } from "./manualOptimization.js";
import type { ClipGradientsOptions, ListOf, ManualSteps } from "./manualOptimization.js";
import type { Stage, TrainerState } from "./trainerState.js";

export type { Hparams, HparamValue, SaveHyperparametersOptions } from "./hparams.js";
export type { LRSchedulerConfig } from "./lrSchedulerConfig.js";

/** How a logged value is treated; defaults are Lightning's (training: on_step; validation: on_epoch). */
export interface LogOptions {
  readonly onStep?: boolean;
  readonly onEpoch?: boolean;
  readonly progBar?: boolean;
  readonly logger?: boolean;
  /** How the values of an epoch become one: "mean", weighted by batch size, unless said otherwise. */
  readonly reduceFx?: "mean" | "sum" | "min" | "max";
  /** The weight of this value in a mean; found in the batch when it is not given. */
  readonly batchSize?: number;
}

/** An optimizer with its scheduler. */
export interface OptimizerConfig {
  readonly optimizer: Optimizer;
  readonly lrScheduler?: LRScheduler | LRSchedulerConfig;
  /** The metric that a ReduceLROnPlateau given without a config of its own watches. */
  readonly monitor?: string;
}

/**
 * What configureOptimizers may return, in Lightning's forms: one optimizer, one with its scheduler, a list of either, or
 * a list of optimizers and a list of schedulers. Several optimizers are for a module that optimizes by hand.
 */
export type OptimizerSetup =
  | Optimizer
  | OptimizerConfig
  | readonly Optimizer[]
  | readonly OptimizerConfig[]
  | readonly [readonly Optimizer[], readonly (LRScheduler | LRSchedulerConfig)[]];

/** Takes what a step logs; the loops put one in place around every step. */
export type LogSink = (name: string, value: Tensor | number, options: LogOptions) => void;

/** What users subclass: a Module that knows its training step, its optimizer and its hyperparameters. */
export abstract class LightningModule<Batch = unknown> extends Module {
  /** Set by the trainer while it runs. */
  trainer: TrainerState | null = null;
  /** False: trainingStep differentiates and steps the optimizers itself (docs/optimizers.md). */
  automaticOptimization = true;
  /**
   * Lightning's example_input_array: what forward takes, a list being several arguments. ModelSummary sends its shapes
   * through the module for the sizes and FLOPs of every part.
   */
  exampleInputArray: HostBatch | null = null;
  #hparams = NO_HPARAMS;
  #logSink: LogSink | null = null;
  #whenMuted: (() => void) | null = null;
  #optimizers: readonly LightningOptimizer[] = [];
  #schedulers: readonly LightningScheduler[] = [];
  #manual: ManualSteps | null = null;
  readonly #toggles = new Toggles();

  /** The arguments kept by saveHyperparameters. */
  get hparams(): Hparams {
    return this.#hparams.values;
  }
  /** What the checkpoint calls them: hparams_name. */
  get hparamsName(): string {
    return this.#hparams.name;
  }
  /** Whether loggers are given them. */
  get logsHyperparams(): boolean {
    return this.#hparams.logger;
  }
  /** Keep the constructor's arguments for the checkpoint: call it in the constructor with the arguments object. */
  protected saveHyperparameters(args: object, options: SaveHyperparametersOptions = {}): void {
    this.#hparams = keepHparams(this.#hparams, args, options, this.constructor.name);
  }
  /**
   * A module of this class from a checkpoint: made of its hyperparameters, of which `overrides` take the place, with its
   * weights. Values that the constructor does not ask for are left out.
   */
  static loadFromCheckpoint<C extends ClassWithHparams<LightningModule>>(
    this: C,
    path: string,
    overrides: Overrides<C> | Readonly<Record<string, never>> = {},
    options: LoadFromCheckpointOptions = {},
  ): Promise<InstanceType<C>> {
    return loadModule(this, path, overrides, options);
  }

  /**
   * The loss of one batch, a 0-dim float32 tensor; runs inside a step, so it reads no values. Without automatic
   * optimization a loss that is given back is only shown.
   */
  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a step that optimizes by hand gives nothing back
  abstract trainingStep(batch: Batch, batchIdx: number): Tensor | void;
  /** Logs what is to be known of one validation batch. */
  validationStep?(batch: Batch, batchIdx: number): void;
  /** Logs what is to be known of one test batch. */
  testStep?(batch: Batch, batchIdx: number): void;
  /**
   * What is predicted for one batch: tensors in lists and objects, read to the host one by one. Without it, what forward
   * gives for the batch, or for its first tensor where the batch is a list.
   */
  predictStep?(batch: Batch, batchIdx: number): StepPrediction | null | undefined;
  /** Batches to validate, test and predict on, where no data module has them. */
  valDataloader?(): DataLoader | null | Promise<DataLoader | null>;
  testDataloader?(): DataLoader | null | Promise<DataLoader | null>;
  predictDataloader?(): DataLoader | null | Promise<DataLoader | null>;
  abstract configureOptimizers(): OptimizerSetup;
  /** Steps a scheduler when its moment has come; `metric` is what a scheduler with `reduceOnPlateau` monitors. */
  lrSchedulerStep(scheduler: LRScheduler, metric?: number): void | Promise<void> {
    scheduler.step(metric);
  }

  /** The optimizers that configureOptimizers gave, to be stepped in trainingStep without automatic optimization. */
  optimizers(): ListOf<LightningOptimizer> {
    return this.#optimizers as ListOf<LightningOptimizer>; // whoever takes them apart knows how many he gave
  }
  /** The schedulers, in order: without automatic optimization nobody else steps them. */
  lrSchedulers(): ListOf<LightningScheduler> {
    return this.#schedulers as ListOf<LightningScheduler>; // as above
  }
  /** Differentiate a loss, and add to the gradients of the parameters that are not frozen. */
  manualBackward(loss: Tensor): void {
    this.#manualSteps("manualBackward").backward(loss);
  }
  /** Clip the gradients gathered for an optimizer's parameters. */
  clipGradients({ optimizer }: LightningOptimizer, options: ClipGradientsOptions): void {
    this.#manualSteps("clipGradients").clip(optimizer, options);
  }
  /** Freeze the parameters of all other optimizers, until untoggleOptimizer. */
  toggleOptimizer({ optimizer }: LightningOptimizer): void {
    this.#toggles.on(optimizer, this.#bare);
  }
  untoggleOptimizer({ optimizer }: LightningOptimizer): void {
    this.#toggles.off(optimizer, this.#bare);
  }
  /** Run `body` with the parameters of all other optimizers frozen. */
  toggledOptimizer<T>(optimizer: LightningOptimizer, body: () => T): T {
    this.toggleOptimizer(optimizer);
    try {
      return body();
    } finally {
      this.untoggleOptimizer(optimizer);
    }
  }
  /** For the trainer: what configureOptimizers gave. */
  useOptimizers(optimizers: readonly Optimizer[], schedulers: readonly LRScheduler[]): void {
    this.#optimizers = optimizers.map(
      (optimizer) => new LightningOptimizer(optimizer, () => this.#manualSteps("an optimizer's step and zeroGrad")),
    );
    this.#schedulers = schedulers.map((scheduler) => new LightningScheduler(scheduler, () => this.#manual));
  }
  /** For the loops: run `body`, a step that optimizes by hand through `steps`. */
  withManualSteps<T>(steps: ManualSteps, body: () => T): T {
    this.#manual = steps;
    try {
      return body();
    } finally {
      this.#manual = null;
    }
  }
  get #bare(): readonly Optimizer[] {
    return this.#optimizers.map(({ optimizer }) => optimizer);
  }
  #manualSteps(what: string): ManualSteps {
    if (this.#manual === null) throw outsideStep(what);
    return this.#manual;
  }

  /** Log a 0-dim tensor or a number from within a step. */
  log(name: string, value: Tensor | number, options: LogOptions = {}): void {
    if (this.#whenMuted !== null) this.#whenMuted();
    else this.#logSink?.(name, value, options);
  }
  /** For the trainer: from now on log does nothing but call this; null: it logs again. */
  muteLogs(whenCalled: (() => void) | null): void {
    this.#whenMuted = whenCalled;
  }
  /** Run `body` with `sink` taking what it logs; for the loops. A hook may be asynchronous: see `takeLogs`. */
  withLogSink<T>(sink: LogSink, body: () => T): T {
    const before = this.#logSink;
    this.#logSink = sink;
    try {
      return body();
    } finally {
      this.#logSink = before;
    }
  }
  /** Let `sink` take what is logged from now on, null for nobody; gives back who took it before. */
  takeLogs(sink: LogSink | null): LogSink | null {
    const before = this.#logSink;
    this.#logSink = sink;
    return before;
  }

  setup?(stage: Stage): void | Promise<void>;
  teardown?(stage: Stage): void | Promise<void>;
  onFitStart?(): void | Promise<void>;
  onFitEnd?(): void | Promise<void>;
  onTrainStart?(): void | Promise<void>;
  onTrainEnd?(): void | Promise<void>;
  onTrainEpochStart?(): void | Promise<void>;
  onTrainEpochEnd?(): void | Promise<void>;
  onTrainBatchStart?(batchIdx: number): void | Promise<void>;
  onTrainBatchEnd?(batchIdx: number): void | Promise<void>;
  onValidationStart?(): void | Promise<void>;
  onValidationEnd?(): void | Promise<void>;
  onValidationEpochStart?(): void | Promise<void>;
  onValidationEpochEnd?(): void | Promise<void>;
  onValidationBatchStart?(batchIdx: number): void | Promise<void>;
  onValidationBatchEnd?(batchIdx: number): void | Promise<void>;
  onTestStart?(): void | Promise<void>;
  onTestEnd?(): void | Promise<void>;
  onTestEpochStart?(): void | Promise<void>;
  onTestEpochEnd?(): void | Promise<void>;
  onTestBatchStart?(batchIdx: number): void | Promise<void>;
  onTestBatchEnd?(batchIdx: number): void | Promise<void>;
  onPredictStart?(): void | Promise<void>;
  onPredictEnd?(): void | Promise<void>;
  onPredictEpochStart?(): void | Promise<void>;
  onPredictEpochEnd?(): void | Promise<void>;
  onPredictBatchStart?(batchIdx: number): void | Promise<void>;
  onPredictBatchEnd?(prediction: Prediction, batchIdx: number): void | Promise<void>;
  onSaveCheckpoint?(checkpoint: Checkpoint): void | Promise<void>;
  onLoadCheckpoint?(checkpoint: Checkpoint): void | Promise<void>;
}

function outsideStep(what: string): LtrainError {
  return new LtrainError("user.failed", `${what} is for trainingStep, while automaticOptimization is false`, {
    hint: "set automaticOptimization = false in the module, and call it while trainingStep runs",
  });
}
