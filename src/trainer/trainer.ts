import type { CheckpointIO } from "../checkpoint/checkpointIO.js";
import { torchCheckpointIO } from "../checkpoint/checkpointIO.js";
import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import { createExecutor } from "../engine/createExecutor.js";
import { callHooks } from "../loops/callHooks.js";
import { HookLogs } from "../loops/hookLogs.js";
import { Interruption } from "../loops/interruption.js";
import { Results } from "../loops/results.js";
import { checkDeterminism } from "./determinism.js";
import type { FitResult } from "./fitResult.js";
import { fitResult } from "./fitResult.js";
import { FitStart } from "./fitStart.js";
import type { TrainerOptions } from "./options.js";
import { resolveOptions } from "./options.js";
import type { SessionParts } from "./session.js";
import { Session } from "./session.js";
import { TrainerView } from "./trainerView.js";

/** What fit was asked beyond its options. */
export interface FitOptions {
  /** A checkpoint to resume from: model, optimizers, schedulers, callbacks, loops, data position, random state. */
  readonly ckptPath?: string | null;
}

/** Owns a run: Lightning's Trainer. It owns, the loops work. */
export class Trainer extends TrainerView {
  readonly #given: TrainerOptions;
  readonly #io: CheckpointIO;
  readonly #warned = new Set<string>();
  #interruption = new Interruption();
  #lastCheckpointPath = "";

  constructor(options: TrainerOptions = {}) {
    super(resolveOptions(options));
    this.#given = options;
    this.#io = options.checkpointIO ?? torchCheckpointIO();
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
    return this.fitRun !== null;
  }

  async saveCheckpoint(path: string, options: { readonly weightsOnly?: boolean } = {}): Promise<void> {
    if (this.fitRun === null) throw new Error("there is nothing to save before fit");
    await this.fitRun.saveCheckpoint(this.#io, path, options.weightsOnly ?? false);
    this.#lastCheckpointPath = path;
  }

  /** Train `module` on `datamodule`; nothing is printed, what goes wrong is thrown. */
  async fit(module: LightningModule, datamodule: LightningDataModule, options: FitOptions = {}): Promise<FitResult> {
    const start = performance.now();
    this.fitRun = null;
    this.#lastCheckpointPath = "";
    const ckptPath = options.ckptPath ?? null;
    const hookLogs = new HookLogs(module, new Results(true));
    const parts = { trainer: this, options: this.options, module, datamodule, hookLogs };
    return this.#inSession({ ...parts, stage: "fit" }, ckptPath, async (session) => {
      const precision = await session.setUp();
      const config = this.#given.config ?? null;
      const { executor } = this;
      const interruption = this.#interruption;
      const fitStart = new FitStart({ ...parts, executor, precision, config, io: this.#io, ckptPath, interruption });
      const run = await fitStart.run();
      this.fitRun = run;
      session.releaseLater(() => run.release());
      await callHooks(session.context, "onFitStart", []);
      await session.logHyperparams();
      await run.sanityCheck();
      const loader = await run.trainLoader();
      await run.validationLoader();
      await fitStart.goOn(loader);
      const reason = await run.fitLoop.run(loader);
      await callHooks(session.context, "onFitEnd", []);
      await session.tearDown(this.#interruption.isAsked ? "interrupted" : "success");
      return this.#fitResult(reason, (performance.now() - start) / 1000);
    });
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
    for (const warning of warnings) this.warn(warning);
    parts.module.trainer = this;
    try {
      this.openExecutor = await createExecutor({ engine, accelerator });
      checkDeterminism(this.openExecutor, deterministic, (message) => {
        this.warn(message);
      });
      if (this.#given.onCompile !== undefined) this.openExecutor.onCompile?.(this.#given.onCompile);
      return await body(session);
    } catch (error) {
      await session.fail(error);
      throw error;
    } finally {
      await session.release();
      parts.module.trainer = null;
      await this.openExecutor?.dispose();
      this.openExecutor = null;
      this.#interruption = new Interruption();
    }
  }

  #fitResult(reason: string, seconds: number): FitResult {
    return fitResult(this.fitRun, this.options.callbacks, {
      globalStep: this.globalStep,
      seconds,
      reason,
      interruption: this.#interruption.reason,
      lastCheckpointPath: this.#lastCheckpointPath,
      callbackMetrics: this.callbackMetrics,
    });
  }
}
