import type { RunRecorder } from "../callbacks/runRecorder.js";
import type { CheckpointIO } from "../checkpoint/checkpointIO.js";
import { torchCheckpointIO } from "../checkpoint/checkpointIO.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { SaveOptions } from "../core/trainerState.js";
import type { Prediction } from "../core/prediction.js";
import { createExecutor } from "../engine/createExecutor.js";
import { LtrainError } from "../errors.js";
import { callHooks } from "../loops/callHooks.js";
import { HookLogs } from "../loops/hookLogs.js";
import { Interruption } from "../loops/interruption.js";
import { Results } from "../loops/results.js";
import type { Precision } from "../precision/precision.js";
import { chooseCkptPath } from "./ckptPath.js";
import type { DataGiven } from "./dataSource.js";
import { DataSource } from "./dataSource.js";
import { CheckpointSaver } from "./checkpointSaver.js";
import { checkDeterminism } from "./determinism.js";
import type { FolderForecast } from "./diskForecast.js";
import { forecastDisk, prepareDisk } from "./diskForecast.js";
import type { EvaluationVerb } from "./evaluationRun.js";
import { EvaluationRun } from "./evaluationRun.js";
import type { FitResult } from "./fitResult.js";
import { fitResult } from "./fitResult.js";
import { FitStart } from "./fitStart.js";
import { dataModuleOf, type FitData } from "./givenLoaders.js";
import type { TrainerOptions } from "./options.js";
import { resolveOptions } from "./options.js";
import { lockRun } from "./runLock.js";
import type { SessionParts } from "./session.js";
import { Session } from "./session.js";
import { watchingRecorder } from "./trainerCallbacks.js";
import { TrainerView } from "./trainerView.js";

/** What fit was asked beyond its options. */
export interface FitOptions {
  /** A checkpoint to resume from, or "last" or "best" of this trainer's ModelCheckpoint: model, optimizers, schedulers, callbacks, loops, data position, random state. */
  readonly ckptPath?: string | null;
  /** Whether somebody has looked at every byte of it already; else fit does. */
  readonly isVerified?: boolean;
  /** Go on with training data that has changed since the checkpoint was written, instead of refusing it. */
  readonly allowDataChange?: boolean;
}

/** What validate and test are asked beyond module and data. */
export interface EvaluateOptions {
  /** A checkpoint whose weights are taken: a path, or "best" or "last" of this trainer's ModelCheckpoint. */
  readonly ckptPath?: string | null;
}

/** What predict is asked beyond module and data. */
export interface PredictOptions extends EvaluateOptions {
  /** false: predictions are left to onPredictBatchEnd, and none is kept. */
  readonly returnPredictions?: boolean;
}

/** Owns a run: Lightning's Trainer. It owns, the loops work. */
export class Trainer extends TrainerView {
  readonly #given: TrainerOptions;
  readonly #io: CheckpointIO;
  readonly #saver: CheckpointSaver;
  readonly #recorder: RunRecorder | undefined;
  readonly #warned = new Set<string>();
  /** What fit was given last. */
  #fitted: { readonly module: LightningModule; readonly datamodule: DataGiven } | null = null;
  #interruption = new Interruption();

  constructor(options: TrainerOptions = {}) {
    super(resolveOptions(options));
    this.#given = options;
    const { verifyCheckpoints: verify, asyncCheckpoints: isAsync, onDiskFull } = this.options;
    this.#io = options.checkpointIO ?? torchCheckpointIO({ verify });
    this.#recorder = watchingRecorder(this.options.callbacks, () => this.#interruption.isAsked);
    this.#saver = new CheckpointSaver({ io: this.#io, trainer: this, isAsync, onDiskFull });
  }

  /** The newest checkpoint of the last fit that is durable; null before there is one. */
  get lastCheckpointPath(): string | null {
    return this.#saver.lastPath === "" ? null : this.#saver.lastPath;
  }

  get saveFailure(): unknown {
    return this.#saver.failure;
  }

  warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#given.onWarning?.(message);
  }

  /**
   * End training after the batch under way, in the middle of its epoch: a checkpoint written from then on (in
   * onTrainEnd, or after fit) resumes inside the epoch. A batch that is still waited for is not trained, and a
   * validation under way is left and done again after a resume. `reason` becomes the result's stopReason. False when
   * training has not come so far that there is anything to end or to save.
   */
  stop(reason: string): boolean {
    this.#interruption.ask(reason);
    this.shouldStop = true;
    return this.fitRun !== null || this.evaluation !== null;
  }

  async saveCheckpoint(path: string, options: SaveOptions = {}): Promise<void> {
    if (this.fitRun === null) throw new Error("there is nothing to save before fit");
    await this.#saver.save(this.fitRun, path, options);
  }

  settleCheckpoints(): Promise<void> {
    return this.#saver.settle();
  }

  /** What the checkpoints of the fit under way will need, folder by folder. */
  async forecastCheckpoints(): Promise<FolderForecast[]> {
    return this.fitRun === null ? [] : forecastDisk(this.fitRun, this.#io);
  }

  /** Train `module` on a data module or on loaders; nothing is printed, what goes wrong is thrown. */
  async fit(module: LightningModule, data: FitData, options: FitOptions = {}): Promise<FitResult> {
    const datamodule = dataModuleOf(data);
    const start = performance.now();
    this.fitRun = null;
    this.evaluation = null;
    this.#fitted = { module, datamodule };
    this.#saver.begin();
    const ckptPath = await this.#chooseCkptPath("fit", options.ckptPath ?? null);
    const hookLogs = new HookLogs(module, new Results(true));
    const parts = { trainer: this, options: this.options, module, datamodule, hookLogs };
    return this.#inSession({ ...parts, stage: "fit" }, ckptPath, async (session) => {
      const precision = await session.setUp();
      session.releaseLater(await lockRun(this, this.options.callbacks));
      const config = this.#given.config ?? null;
      const { executor } = this;
      const interruption = this.#interruption;
      const fitStart = new FitStart({
        ...parts,
        executor,
        precision,
        config,
        io: this.#io,
        ckptPath,
        // A CheckpointIO of somebody else's may have a format of its own.
        verify: this.#given.checkpointIO === undefined && options.isVerified !== true,
        allowDataChange: options.allowDataChange ?? false,
        interruption,
        saves: this.#saver,
      });
      const run = await fitStart.run();
      this.fitRun = run;
      session.releaseLater(() => run.release());
      await callHooks(session.context, "onFitStart", []);
      await session.logHyperparams();
      await run.sanityCheck();
      const loader = await run.trainLoader();
      await run.validationLoader();
      await fitStart.goOn(loader);
      await prepareDisk(run, this.#io, this.options.asyncCheckpoints);
      const reason = await run.fitLoop.run(loader, run);
      await this.#saver.settle(); // the run is over when its last checkpoint is durable
      await callHooks(session.context, "onFitEnd", []);
      await session.tearDown(this.#interruption.isAsked ? "interrupted" : "success");
      const result = this.#fitResult(reason, (performance.now() - start) / 1000);
      await this.#recorder?.finish(result);
      return result;
    });
  }

  /**
   * Validate `module` on the valDataloader of `data`, or on a loader; gives the logged metrics, one dict for each loader.
   * As in Lightning, without a module it is the last fit's best checkpoint that is validated.
   */
  async validate(
    module: LightningModule | null = null,
    data: DataGiven | null = null,
    options: EvaluateOptions = {},
  ): Promise<Record<string, number>[]> {
    return this.#evaluate("validate", module, data, options, (run, precision) =>
      run.evaluate(precision, this.loggerStep),
    );
  }

  /** Test `module` on the testDataloader of `data`, or on a loader; gives what validate gives. */
  async test(
    module: LightningModule | null = null,
    data: DataGiven | null = null,
    options: EvaluateOptions = {},
  ): Promise<Record<string, number>[]> {
    return this.#evaluate("test", module, data, options, (run, precision) => run.evaluate(precision, this.loggerStep));
  }

  /**
   * What `module` predicts for the predictDataloader of `data`, or for a loader, batch by batch, with every tensor read
   * to the host; null where there are no batches, or where they are not wanted.
   */
  async predict(
    module: LightningModule | null = null,
    data: DataGiven | null = null,
    options: PredictOptions = {},
  ): Promise<Prediction[] | null> {
    return this.#evaluate("predict", module, data, options, (run, precision) =>
      run.predict(precision, options.returnPredictions ?? true),
    );
  }

  async #evaluate<T>(
    stage: EvaluationVerb,
    given: LightningModule | null,
    data: DataGiven | null,
    { ckptPath: wanted = null }: EvaluateOptions,
    body: (run: EvaluationRun, precision: Precision) => Promise<T>,
  ): Promise<T> {
    const module = given ?? this.#fitted?.module;
    if (module === undefined) {
      throw new LtrainError("config.invalid", `there is no module to ${stage}: none was given, and none was trained`, {
        hint: `give it: trainer.${stage}(module, data)`,
      });
    }
    const ckptPath = await this.#chooseCkptPath(stage, wanted ?? (given === null ? "best" : null));
    const known = module === this.#fitted?.module ? this.#fitted.datamodule : null;
    const source = new DataSource(data ?? known, module);
    const parts = { trainer: this, options: this.options, stage, module };
    const run = new EvaluationRun({ ...parts, data: source, interruption: this.#interruption });
    this.evaluation = run;
    const { datamodule } = source;
    return this.#inSession({ ...parts, datamodule, hookLogs: run.hookLogs }, ckptPath, async (session) => {
      session.releaseLater(() => run.release());
      const precision = await session.setUp();
      if (ckptPath !== null) await run.restore(this.#io, ckptPath);
      await session.logHyperparams();
      const result = await body(run, precision);
      await session.tearDown("success");
      return result;
    });
  }

  #chooseCkptPath(stage: SessionParts["stage"], ckptPath: string | null): Promise<string | null> {
    const { fastDevRun, logDir } = this;
    const { callbacks } = this.options;
    const warn = (message: string): void => {
      this.warn(message);
    };
    return chooseCkptPath(ckptPath, { stage, callbacks, logDir, fastDevRun, warn });
  }

  /** Run `body` with an executor, from setup to teardown; whatever happens, everything is given back. */
  async #inSession<T>(
    parts: SessionParts,
    ckptPath: string | null,
    body: (session: Session) => Promise<T>,
  ): Promise<T> {
    const { engine, accelerator, deterministic, warnings } = this.options;
    const session = new Session(parts);
    this.resumedFrom = ckptPath;
    this.shouldStop = this.#interruption.isAsked;
    if (parts.stage === "fit") for (const warning of warnings) this.warn(warning);
    parts.module.trainer = this;
    try {
      this.openExecutor = await createExecutor({ engine, accelerator });
      checkDeterminism(this.openExecutor, deterministic, (message) => {
        this.warn(message);
      });
      this.openExecutor.onCompile?.((compilation) => {
        this.#recorder?.compiled(compilation);
        this.#given.onCompile?.(compilation);
      });
      return await body(session);
    } catch (error) {
      await session.fail(error);
      throw error;
    } finally {
      await this.#closeSaver();
      await session.release();
      parts.module.trainer = null;
      await this.openExecutor?.dispose();
      this.openExecutor = null;
      this.#interruption = new Interruption();
    }
  }

  /** A save that is still being written when something else fails: it is finished, and its own failure is only told. */
  async #closeSaver(): Promise<void> {
    try {
      await this.#saver.close();
    } catch (error) {
      this.warn(error instanceof Error ? error.message : String(error));
    }
  }

  #fitResult(reason: string, seconds: number): FitResult {
    return fitResult(this.fitRun, this.options.callbacks, {
      globalStep: this.globalStep,
      seconds,
      reason,
      interruption: this.#interruption.reason,
      lastCheckpointPath: this.#saver.lastPath,
      callbackMetrics: this.callbackMetrics,
    });
  }
}
