import type { CheckpointIO } from "../checkpoint/checkpointIO.js";
import { torchCheckpointIO } from "../checkpoint/checkpointIO.js";
import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { LRSchedulerConfig } from "../core/lrSchedulerConfig.js";
import type { Logger } from "../core/logger.js";
import type { Stage, TrainerState } from "../core/trainerState.js";
import type { DataLoader } from "../data/dataLoader.js";
import { createExecutor } from "../engine/createExecutor.js";
import type { Executor } from "../engine/executor.js";
import type { HookContext } from "../loops/callHooks.js";
import { callCallbacks, callHooks } from "../loops/callHooks.js";
import { HookLogs } from "../loops/hookLogs.js";
import { Results } from "../loops/results.js";
import { userCode } from "../loops/userFailure.js";
import type { Optimizer } from "../optim/optimizer.js";
import { createPrecision, requirePrecision } from "../precision/createPrecision.js";
import { checkDeterminism } from "./determinism.js";
import type { FitResult } from "./fitResult.js";
import { fitResult } from "./fitResult.js";
import { FitRun } from "./fitRun.js";
import type { ResolvedOptions, TrainerOptions } from "./options.js";
import { resolveOptions } from "./options.js";
import { resolveSetup } from "./optimizerSetup.js";
import type { RestoredRun } from "./restoreRun.js";
import { restoreRun } from "./restoreRun.js";
import { isSameRun, skipTrained } from "./goOn.js";
import type { LtrainState } from "./ltrainState.js";

/** What fit was asked beyond its options. */
export interface FitOptions {
  /** A checkpoint to resume from: model, optimizers, schedulers, callbacks, loops, data position, random state. */
  readonly ckptPath?: string | null;
}

/** Owns a run: Lightning's Trainer. It owns, the loops work. */
export class Trainer implements TrainerState {
  readonly options: ResolvedOptions;
  shouldStop = false;

  readonly #given: TrainerOptions;
  readonly #io: CheckpointIO;
  readonly #warned = new Set<string>();
  readonly #tell = (message: string): void => {
    this.warn(message);
  };
  #run: FitRun | null = null;
  #executor: Executor | null = null;
  #ckptPath: string | null = null;
  #interruption: string | null = null;
  #lastCheckpointPath = "";

  constructor(options: TrainerOptions = {}) {
    this.#given = options;
    this.options = resolveOptions(options);
    this.#io = options.checkpointIO ?? torchCheckpointIO();
  }

  get globalStep(): number {
    return this.#run?.epochLoop.globalStep ?? 0;
  }
  get currentEpoch(): number {
    return this.#run?.fitLoop.currentEpoch ?? 0;
  }
  get maxEpochs(): number {
    return this.options.maxEpochs;
  }
  get maxSteps(): number {
    return this.options.maxSteps;
  }
  get numTrainingBatches(): number {
    return this.#run?.epochLoop.numTrainingBatches ?? Number.POSITIVE_INFINITY;
  }
  get numValidationBatches(): number {
    return this.#run?.epochLoop.validation.numBatches ?? 0;
  }
  get numSanityValBatches(): number {
    return this.#run?.numSanityValBatches ?? 0;
  }
  get checkValEveryNEpoch(): number {
    return this.options.checkValEveryNEpoch;
  }
  get batchIdx(): number {
    return this.#run?.epochLoop.batchIdx ?? -1;
  }
  get isLastBatch(): boolean {
    return this.#run?.epochLoop.isLastBatch ?? false;
  }
  get stage(): Stage {
    return this.#run?.stage ?? "fit";
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
    return this.#run?.epochLoop.batchesThatStepped ?? 0;
  }
  get shouldLog(): boolean {
    return this.#run?.epochLoop.shouldLog ?? false;
  }
  get executor(): Executor {
    if (this.#executor === null) throw new Error("there is an executor only while the trainer runs");
    return this.#executor;
  }
  get ckptPath(): string | null {
    return this.#ckptPath;
  }
  get callbackMetrics(): ReadonlyMap<string, number> {
    return this.#run?.board.callbackMetrics ?? new Map<string, number>();
  }
  get progressBarMetrics(): ReadonlyMap<string, number> {
    return this.#run?.board.progressBarMetrics ?? new Map<string, number>();
  }
  get optimizers(): readonly Optimizer[] {
    return this.#run?.optimizers ?? [];
  }
  get lrSchedulerConfigs(): readonly LRSchedulerConfig[] {
    return this.#run?.schedulers ?? [];
  }
  get accumulateGradBatches(): number {
    return this.#run?.epochLoop.window.size ?? this.options.accumulateGradBatches;
  }
  set accumulateGradBatches(batches: number) {
    this.#run?.epochLoop.window.resize(batches);
  }
  get learningRates(): readonly number[] {
    return this.optimizers.flatMap(({ paramGroups }) => paramGroups.map(({ lr }) => lr));
  }

  showMetrics(metrics: ReadonlyMap<string, number>): void {
    this.#run?.board.show({ callback: new Map(metrics), progressBar: new Map(), log: new Map() });
  }

  warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#given.onWarning?.(message);
  }

  /**
   * End training after the batch under way, in the middle of its epoch: a checkpoint written from then on (in
   * onTrainEnd, or after fit) resumes inside the epoch. `reason` becomes the result's stopReason.
   */
  stop(reason: string): void {
    this.#interruption = reason;
    this.shouldStop = true;
    if (this.#run !== null) this.#run.epochLoop.interrupted = true;
  }

  async saveCheckpoint(path: string, options: { readonly weightsOnly?: boolean } = {}): Promise<void> {
    if (this.#run === null) throw new Error("there is nothing to save before fit");
    await this.#run.saveCheckpoint(this.#io, path, options.weightsOnly ?? false);
    this.#lastCheckpointPath = path;
  }

  /** Train `module` on `datamodule`; nothing is printed, what goes wrong is thrown. */
  async fit(module: LightningModule, datamodule: LightningDataModule, options: FitOptions = {}): Promise<FitResult> {
    const start = performance.now();
    this.#begin(options.ckptPath ?? null);
    const hookLogs = new HookLogs(module, new Results(true));
    const context: HookContext = { trainer: this, module, callbacks: this.options.callbacks, hookLogs };
    module.trainer = this;
    try {
      this.#executor = await createExecutor({ engine: this.options.engine, accelerator: this.options.accelerator });
      checkDeterminism(this.#executor, this.options.deterministic, this.#tell);
      if (this.#given.onCompile !== undefined) this.#executor.onCompile?.(this.#given.onCompile);
      const reason = await this.#train(context, hookLogs, datamodule);
      await callHooks(context, "onFitEnd", []);
      await this.#teardown(context, datamodule);
      for (const logger of this.loggers) {
        await logger.finalize(this.#interruption === null ? "success" : "interrupted");
      }
      return this.#result(reason, (performance.now() - start) / 1000);
    } catch (error) {
      await this.#fail(context, error);
      throw error;
    } finally {
      await this.#run?.release();
      module.trainer = null;
      await this.#executor?.dispose();
      this.#executor = null;
      this.#interruption = null;
    }
  }

  #begin(ckptPath: string | null): void {
    this.#run = null;
    this.#ckptPath = ckptPath;
    this.#lastCheckpointPath = "";
    this.shouldStop = this.#interruption !== null;
    for (const warning of this.options.warnings) this.warn(warning);
  }

  /** Everything between having an executor and the reason why training ended. */
  async #train(context: HookContext, hookLogs: HookLogs, datamodule: LightningDataModule): Promise<string> {
    const { module } = context;
    const precision = createPrecision(this.options.precision);
    requirePrecision(precision, this.executor);
    const name = datamodule.constructor.name;
    await userCode(`${name}.prepareData`, () => datamodule.prepareData?.());
    await userCode(`${name}.setup`, () => datamodule.setup?.("fit"));
    await callHooks(context, "setup", ["fit"]);
    await precision.convertModule(module);
    const configure = async (): Promise<FitRun> => {
      const place = `${module.constructor.name}.configureOptimizers`;
      const given = await userCode(place, () => module.configureOptimizers());
      const setup = resolveSetup(given, module, this.#tell);
      const { options, executor } = this;
      const config = this.#given.config ?? null;
      return new FitRun({ trainer: this, options, module, datamodule, executor, precision, setup, hookLogs, config });
    };
    const { run, ltrain, lateEpoch } = await this.#startRun(module, configure);
    this.#run = run;
    run.epochLoop.interrupted = this.#interruption !== null;
    await callHooks(context, "onFitStart", []);
    await this.#logHyperparams(module, datamodule);
    await run.sanityCheck();
    const loader = await run.trainLoader();
    await run.validationLoader();
    if (this.#ckptPath !== null) await this.#goOn(run, ltrain, loader);
    if (lateEpoch !== null) await run.epochLoop.stepLatePlateauSchedulers(lateEpoch);
    return run.fitLoop.run(loader);
  }

  async #startRun(module: LightningModule, configure: () => Promise<FitRun>): Promise<RestoredRun> {
    const path = this.#ckptPath;
    if (path === null) return { run: await configure(), ltrain: null, lateEpoch: null };
    const { checkpoint, close } = await this.#io.load(path);
    try {
      return await restoreRun({ checkpoint, path, module, configure, warn: this.#tell });
    } finally {
      await close();
    }
  }

  /** The last of a resume: loggers, data position, and the random state after whatever has drawn from it so far. */
  async #goOn(run: FitRun, ltrain: LtrainState | null, loader: DataLoader): Promise<void> {
    for (const logger of this.loggers) {
      if (ltrain !== null && isSameRun(logger, this.#ckptPath, ltrain.logDir)) {
        await logger.continueFrom?.(this.globalStep);
      }
    }
    if (ltrain !== null) {
      ltrain.restoreData(run.fitLoop, loader);
      ltrain.restoreRandomState();
      return;
    }
    if (skipTrained(run.fitLoop, loader) && loader.shuffle) {
      this.warn(
        "the checkpoint was written in mid-epoch and has no data position: the rest of the epoch is another " +
          "shuffle's, so some examples come twice and others not at all",
      );
    }
  }

  /** hparams of the module and the data module, as Lightning joins them for its loggers. */
  async #logHyperparams(module: LightningModule, datamodule: LightningDataModule): Promise<void> {
    const hparams = { ...datamodule.hparams, ...module.hparams };
    if (Object.keys(hparams).length === 0) return;
    for (const logger of this.loggers) {
      await logger.logHyperparams(hparams);
      await logger.save();
    }
  }

  async #teardown(context: HookContext, datamodule: LightningDataModule): Promise<void> {
    await userCode(`${datamodule.constructor.name}.teardown`, () => datamodule.teardown?.("fit"));
    await callHooks(context, "teardown", ["fit"]);
  }

  /** Whoever can still do something about it is told; what goes wrong in that does not hide what went wrong first. */
  async #fail(context: HookContext, error: unknown): Promise<void> {
    for (const callback of context.callbacks) {
      await callCallbacks(context, "onException", [error], [callback]).catch(() => undefined);
    }
    for (const logger of this.loggers) await logger.finalize("failed").catch(() => undefined);
  }

  #result(reason: string, seconds: number): FitResult {
    return fitResult(this.#run ?? null, this.options.callbacks, {
      globalStep: this.globalStep,
      seconds,
      reason,
      interruption: this.#interruption,
      lastCheckpointPath: this.#lastCheckpointPath,
      callbackMetrics: this.callbackMetrics,
    });
  }
}
