import type { Callback } from "../core/callback.js";
import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { Logger } from "../core/logger.js";
import type { Stage, TrainerState } from "../core/trainerState.js";
import type { DataLoader } from "../data/dataLoader.js";
import type { Executor } from "../engine/executor.js";
import { callCallbacks } from "../loops/callHooks.js";
import { EvaluationLoop } from "../loops/evaluationLoop.js";
import { FitLoop } from "../loops/fitLoop.js";
import type { HookLogs } from "../loops/hookLogs.js";
import type { Interruption } from "../loops/interruption.js";
import type { LoopContext, SchedulerConfig } from "../loops/loopContext.js";
import { MetricsBoard } from "../loops/metricsBoard.js";
import { TrainingEpochLoop } from "../loops/trainingEpochLoop.js";
import type { Optimizer } from "../optim/optimizer.js";
import { PyDict } from "../pickle/values.js";
import type { Precision } from "../precision/precision.js";
import type { Allot, HostTensor } from "../storage/hostTensor.js";
import { defaultGenerator } from "../tensor/generator.js";
import type { Variable } from "../tensor/variable.js";
import type { LiveState } from "./checkpointState.js";
import { FitLoaders } from "./fitLoaders.js";
import type { ResolvedOptions } from "./options.js";
import type { ResolvedSetup } from "./optimizerSetup.js";

/** What a run is made of. */
export interface FitRunParts {
  readonly trainer: TrainerState;
  readonly options: ResolvedOptions;
  readonly module: LightningModule;
  readonly datamodule: LightningDataModule;
  readonly executor: Executor;
  readonly precision: Precision;
  readonly setup: ResolvedSetup;
  readonly hookLogs: HookLogs;
  readonly interruption: Interruption;
  readonly saves: NonNullable<LoopContext["saves"]>;
  readonly config: Readonly<Record<string, unknown>> | null;
}

/** The objects of one fit: loops, metrics, optimizer; all that lives as long as it does. */
export class FitRun implements LoopContext, LiveState {
  readonly trainer: TrainerState;
  readonly module: LightningModule;
  readonly datamodule: LightningDataModule;
  readonly callbacks: readonly Callback[];
  readonly executor: Executor;
  readonly optimizers: readonly Optimizer[];
  schedulers: readonly SchedulerConfig[];
  readonly hookLogs: HookLogs;
  readonly interruption: Interruption;
  readonly saves: NonNullable<LoopContext["saves"]>;
  readonly board: MetricsBoard;
  readonly fitLoop: FitLoop;
  readonly precision: Precision;
  readonly unclaimedCallbacks = new PyDict();
  readonly config: Readonly<Record<string, unknown>> | null;
  stage: Stage = "fit";

  readonly #options: ResolvedOptions;
  readonly #loaders: FitLoaders;
  #isOver = false;

  constructor(parts: FitRunParts) {
    const { options, setup } = parts;
    this.trainer = parts.trainer;
    this.module = parts.module;
    this.datamodule = parts.datamodule;
    this.callbacks = options.callbacks;
    this.executor = parts.executor;
    this.optimizers = setup.optimizers;
    this.schedulers = setup.schedulers;
    parts.module.useOptimizers(
      setup.optimizers,
      setup.schedulers.map(({ scheduler }) => scheduler),
    );
    this.hookLogs = parts.hookLogs;
    this.interruption = parts.interruption;
    this.saves = parts.saves;
    this.config = parts.config;
    this.precision = parts.precision;
    this.board = new MetricsBoard(options.loggers, (message) => {
      parts.trainer.warn(message);
    });
    this.#options = options;
    const validation = new EvaluationLoop(this, () => this.#situation());
    const epochLoop = new TrainingEpochLoop(this, options, validation);
    this.fitLoop = new FitLoop(this, options, epochLoop);
    this.#loaders = new FitLoaders({ ...parts, epochLoop });
    this.hookLogs.into(epochLoop.results);
    if (options.barebones) {
      parts.module.muteLogs(() => {
        parts.trainer.warn("this.log does nothing in a run with trainer.barebones");
      });
    }
  }

  get epochLoop(): TrainingEpochLoop {
    return this.fitLoop.epochLoop;
  }
  get logDir(): string {
    return this.trainer.logDir;
  }
  get loggers(): readonly Logger[] {
    return this.trainer.loggers;
  }
  get engine(): string {
    return this.executor.engine;
  }
  get numSanityValBatches(): number {
    return Math.min(this.#options.numSanityValSteps, this.epochLoop.validation.numBatches);
  }

  /** Once the executor is given back, values are where the Variables are. */
  readonly read = (variable: Variable, allot?: Allot): Promise<HostTensor> =>
    this.#isOver ? variable.read() : this.executor.read(variable, allot);

  /** What the training data is known by; null where nobody looked, or where it changes. */
  get fingerprint(): string | null {
    return this.#loaders.fingerprint;
  }

  /** The training loader, asked for where it was not yet. */
  trainLoader(): Promise<DataLoader> {
    return this.#loaders.training();
  }
  /** A fresh training loader where it is time for one; else null. */
  reloaded(): Promise<DataLoader | null> {
    return this.#loaders.reloaded();
  }
  /** See to the validation loader, asked for where it was not yet, or not for long; without a validationStep it is not. */
  validationLoader(): Promise<void> {
    return this.#loaders.validation(this.stage === "sanityCheck");
  }

  /** A few validation batches before training, so that a mistake there shows now; random numbers are put back after. */
  async sanityCheck(): Promise<void> {
    // In mid-epoch the counters of validation say where training stood.
    const isInsideEpoch = this.fitLoop.resumePoint?.insideEpoch ?? false;
    if (this.#options.numSanityValSteps === 0 || isInsideEpoch || !this.#loaders.validates) return;
    const random = defaultGenerator.getState();
    const { validation } = this.epochLoop;
    this.stage = "sanityCheck";
    try {
      await callCallbacks(this, "onSanityCheckStart", []);
      await this.validationLoader();
      await validation.run();
      await callCallbacks(this, "onSanityCheckEnd", []);
    } finally {
      this.stage = "fit";
      defaultGenerator.setState(random);
    }
    validation.progress.reset();
  }

  /** Bring what was logged to the host. */
  async settle(): Promise<void> {
    if (!this.#isOver) await this.epochLoop.settle();
  }

  /** Give back what waits on the device, and end the data workers. */
  async release(): Promise<void> {
    this.#isOver = true;
    this.module.muteLogs(null);
    const { validation } = this.epochLoop;
    this.epochLoop.dispose();
    validation.dispose();
    await this.fitLoop.batches?.return();
    await this.#loaders.close();
  }

  #situation(): { sanityChecking: boolean; numBatches: number; step: number } {
    const sanityChecking = this.stage === "sanityCheck";
    const { validation, batchesThatStepped: step } = this.epochLoop;
    return { sanityChecking, numBatches: sanityChecking ? this.numSanityValBatches : validation.numBatches, step };
  }
}
