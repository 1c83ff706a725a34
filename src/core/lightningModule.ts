import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { Module } from "../nn/module.js";
import type { LRScheduler } from "../optim/lrScheduler.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Tensor } from "../tensor/tf.js";
import type { Stage, TrainerState } from "./trainerState.js";

/** A hyperparameter: what YAML, JSON and pickle can all carry. */
export type HparamValue =
  null | boolean | number | string | readonly HparamValue[] | { readonly [key: string]: HparamValue };

/** Constructor arguments by their name in YAML and in the checkpoint. */
export type Hparams = Readonly<Record<string, HparamValue>>;

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

/** One scheduler with its rhythm: Lightning's lr_scheduler_config. */
export interface LRSchedulerConfig {
  readonly scheduler: LRScheduler;
  readonly interval?: "epoch" | "step";
  readonly frequency?: number;
  /** The metric that a plateau scheduler watches. */
  readonly monitor?: string;
  /** Whether a monitored metric that is not logged is an error (the default), or is told and the step left out. */
  readonly strict?: boolean;
  /** Stepped with `monitor` after the epoch's (or step's) metrics are known: true for ReduceLROnPlateau. */
  readonly reduceOnPlateau?: boolean;
  /** What its learning rate is called where it is logged. */
  readonly name?: string;
}

/** What configureOptimizers may return, in Lightning's forms that part 1 knows. */
export type OptimizerSetup =
  Optimizer | { readonly optimizer: Optimizer; readonly lrScheduler?: LRScheduler | LRSchedulerConfig };

/** Takes what a step logs; the loops put one in place around every step. */
export type LogSink = (name: string, value: Tensor | number, options: LogOptions) => void;

/** What users subclass: a Module that knows its training step, its optimizer and its hyperparameters. */
export abstract class LightningModule<Batch = unknown> extends Module {
  /** Set by the trainer while it runs. */
  trainer: TrainerState | null = null;
  #hparams: Hparams = {};
  #logSink: LogSink | null = null;

  /** The arguments kept by saveHyperparameters. */
  get hparams(): Hparams {
    return this.#hparams;
  }
  /** Keep the constructor's arguments for the checkpoint: call it in the constructor with the arguments object. */
  protected saveHyperparameters(args: Hparams, options: { readonly ignore?: readonly string[] } = {}): void {
    const ignored = new Set(options.ignore ?? []);
    const kept = Object.entries(args).filter(([name, value]) => !ignored.has(name) && (value as unknown) !== undefined);
    this.#hparams = { ...this.#hparams, ...Object.fromEntries(kept) };
  }

  /** The loss of one batch, a 0-dim float32 tensor; runs inside a step, so it reads no values. */
  abstract trainingStep(batch: Batch, batchIdx: number): Tensor;
  /** Logs what is to be known of one validation batch. */
  validationStep?(batch: Batch, batchIdx: number): void;
  abstract configureOptimizers(): OptimizerSetup;

  /** Log a 0-dim tensor or a number from within a step. */
  log(name: string, value: Tensor | number, options: LogOptions = {}): void {
    this.#logSink?.(name, value, options);
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
  onSaveCheckpoint?(checkpoint: Checkpoint): void | Promise<void>;
  onLoadCheckpoint?(checkpoint: Checkpoint): void | Promise<void>;
}
