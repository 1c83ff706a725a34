import type { Callback } from "../core/callback.js";
import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { Logger } from "../core/logger.js";
import type { Stage, TrainerState } from "../core/trainerState.js";
import type { DataLoader } from "../data/dataLoader.js";
import { datasetFingerprint } from "../data/datasetFingerprint.js";
import type { Executor } from "../engine/executor.js";
import { callCallbacks } from "../loops/callHooks.js";
import { EvaluationLoop } from "../loops/evaluationLoop.js";
import { FitLoop } from "../loops/fitLoop.js";
import type { HookLogs } from "../loops/hookLogs.js";
import type { Interruption } from "../loops/interruption.js";
import type { LoopContext, SchedulerConfig } from "../loops/loopContext.js";
import { MetricsBoard } from "../loops/metricsBoard.js";
import { TrainingEpochLoop } from "../loops/trainingEpochLoop.js";
import { userCode } from "../loops/userFailure.js";
import type { Optimizer } from "../optim/optimizer.js";
import { PyDict } from "../pickle/values.js";
import type { Precision } from "../precision/precision.js";
import type { Allot, HostTensor } from "../storage/hostTensor.js";
import { defaultGenerator } from "../tensor/generator.js";
import type { Variable } from "../tensor/variable.js";
import { limitedBatches } from "./batchLimit.js";
import type { LiveState } from "./checkpointState.js";
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
  fingerprint: string | null = null;

  readonly #options: ResolvedOptions;
  #isOver = false;
  #trainLoader: DataLoader | null = null;

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
    this.board = new MetricsBoard(options.loggers);
    this.#options = options;
    const validation = new EvaluationLoop(this, () => this.#situation());
    const epochLoop = new TrainingEpochLoop(this, options, validation);
    this.fitLoop = new FitLoop(this, options, epochLoop);
    this.hookLogs.into(epochLoop.results);
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

  /** Ask for the loader, once. */
  async trainLoader(): Promise<DataLoader> {
    if (this.#trainLoader !== null) return this.#trainLoader;
    const { datamodule } = this;
    const loader = await userCode(`${datamodule.constructor.name}.trainDataloader`, () => datamodule.trainDataloader());
    this.epochLoop.numTrainingBatches = limitedBatches(
      "limit_train_batches",
      loader.length,
      this.#options.limitTrainBatches,
    );
    this.#trainLoader = loader;
    if (!this.trainer.fastDevRun) this.fingerprint = await datasetFingerprint(loader.dataset);
    return loader;
  }

  /** Ask for the validation loader, once; without a validationStep nobody needs it. */
  async validationLoader(): Promise<void> {
    const { datamodule } = this;
    const { limitValBatches } = this.#options;
    const { validation } = this.epochLoop;
    if (validation.loader !== null || !this.#validates) return;
    const name = `${datamodule.constructor.name}.valDataloader`;
    const loader = (await userCode(name, () => datamodule.valDataloader?.())) ?? null;
    if (loader === null) return;
    validation.loader = loader;
    validation.numBatches = limitedBatches("limit_val_batches", loader.length, limitValBatches);
  }

  /** A few validation batches before training, so that a mistake there shows now; random numbers are put back after. */
  async sanityCheck(): Promise<void> {
    // In mid-epoch the counters of validation say where training stood.
    const isInsideEpoch = this.fitLoop.resumePoint?.insideEpoch ?? false;
    if (this.#options.numSanityValSteps === 0 || isInsideEpoch || !this.#validates) return;
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
    const { validation } = this.epochLoop;
    this.epochLoop.dispose();
    validation.dispose();
    await this.fitLoop.batches?.return();
    await this.#trainLoader?.close();
    await validation.loader?.close();
  }

  get #validates(): boolean {
    const { datamodule, module } = this;
    const hasBoth = module.validationStep !== undefined && datamodule.valDataloader !== undefined;
    return hasBoth && this.#options.limitValBatches !== 0;
  }

  #situation(): { sanityChecking: boolean; numBatches: number; step: number } {
    const sanityChecking = this.stage === "sanityCheck";
    const { validation, batchesThatStepped: step } = this.epochLoop;
    return { sanityChecking, numBatches: sanityChecking ? this.numSanityValBatches : validation.numBatches, step };
  }
}
