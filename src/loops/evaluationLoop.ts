import type { BatchTree } from "../core/batch.js";
import { assembleBatch, batchSizeOf, flattenBatch } from "../core/batch.js";
import type { DataLoader } from "../data/dataLoader.js";
import type { StepFunction } from "../engine/executor.js";
import { defaultGenerator } from "../tensor/generator.js";
import type { Tensor } from "../tensor/tf.js";
import type { Batch } from "../data/batch.js";
import { callHooks } from "./callHooks.js";
import { evalMode } from "./evalMode.js";
import type { EvaluationStage } from "./evaluationStage.js";
import { EVALUATION_STAGES } from "./evaluationStage.js";
import { OTHER_BATCH } from "./hostWatch.js";
import type { EvaluationContext } from "./loopContext.js";
import { BatchProgress } from "./progress.js";
import { Results } from "./results.js";
import { StepLogs } from "./stepLogs.js";
import { StepRunner } from "./stepRunner.js";
import { userFailure } from "./userFailure.js";

/** What a run of the loop belongs to. */
export interface EvaluationSituation {
  /** During the sanity check nothing is logged or put up. */
  readonly sanityChecking: boolean;
  /** Batches of this run. */
  readonly numBatches: number;
  /** The loggers' step. */
  readonly step: number;
}

/** Validation or test batches. */
export class EvaluationLoop {
  readonly stage: EvaluationStage;
  readonly progress = new BatchProgress();
  readonly results = new Results(false);
  /** Where the batches come from; null until it is asked for, and when there is no validation. */
  loader: DataLoader | null = null;
  /** Batches of a whole run, after limits. */
  numBatches = 0;
  /** Batches over the whole training: the step of rows that a batch logs. */
  batchesSeen = 0;

  /** What the last run that came to its end logged, as the loggers got it. */
  logged: ReadonlyMap<string, number> = new Map();

  readonly #context: EvaluationContext;
  readonly #situation: () => EvaluationSituation;
  readonly #logs: StepLogs;
  readonly #runner: StepRunner;

  constructor(context: EvaluationContext, situation: () => EvaluationSituation, stage: EvaluationStage = "validation") {
    this.stage = stage;
    this.#context = context;
    this.#situation = situation;
    const { step } = this.#names;
    this.#logs = new StepLogs(step, false, this.results);
    this.#runner = new StepRunner(context, { name: step, build: (tree) => this.#step(tree) });
  }

  /**
   * Evaluate once over the loader. False when an interruption or a failure ended it before its last batch: random
   * numbers and loggers then stand as before, and it can be done again as if it had never begun.
   */
  async run(): Promise<boolean> {
    const { loader } = this;
    const { numBatches, sanityChecking } = this.#situation();
    if (loader === null || numBatches === 0) return true;
    const { interruption } = this.#context;
    this.progress.resetOnRun();
    if (interruption.isAsked) return false;
    const goBack = this.#remember();
    try {
      if (await this.#evaluate(loader, numBatches, sanityChecking)) return true;
    } catch (error) {
      await goBack();
      throw error;
    }
    await goBack();
    return false;
  }

  /** How to go back to this moment. */
  #remember(): () => Promise<void> {
    const random = defaultGenerator.getState();
    const batchesSeen = this.batchesSeen;
    const loggers = this.#context.trainer.loggers.map((logger) => [logger, logger.rowCount] as const);
    return async () => {
      defaultGenerator.setState(random);
      this.batchesSeen = batchesSeen;
      for (const [logger, rows] of loggers) {
        if (rows !== undefined && logger.rowCount !== rows) await logger.cutTo?.(rows);
      }
    };
  }

  async #evaluate(loader: DataLoader, numBatches: number, sanityChecking: boolean): Promise<boolean> {
    const context = this.#context;
    const before = context.hookLogs.into(this.results);
    const restoreModes = evalMode(context.module);
    const batches = loader.iterate();
    try {
      await callHooks(context, this.#names.start, []);
      await callHooks(context, this.#names.epochStart, []);
      for (let i = 0; i < numBatches; i += 1) {
        const next = await this.#fetch(() => context.interruption.orNull(batches.next()), i);
        if (next === null) return false;
        if (next.done === true) break;
        this.progress.isLastBatch = i + 1 >= numBatches;
        await this.#evaluateBatch(next.value, i, sanityChecking);
      }
      await this.#logs.settle();
      if (!sanityChecking) context.board.show(this.results.metrics(false));
      await callHooks(context, this.#names.epochEnd, []);
      if (!sanityChecking) await this.#logEpoch();
      await callHooks(context, this.#names.end, []);
      return true;
    } finally {
      await batches.return();
      restoreModes();
      context.hookLogs.into(before);
      this.results.reset();
    }
  }

  /** Give back what waits on the device. */
  dispose(): void {
    this.#logs.dispose();
  }

  async #fetch<T>(next: () => Promise<T>, batchIdx: number): Promise<T> {
    try {
      return await next();
    } catch (error) {
      throw userFailure(error, `the ${this.stage} data in ${this.#place(batchIdx)}`);
    }
  }

  async #evaluateBatch(batch: Batch, batchIdx: number, sanityChecking: boolean): Promise<void> {
    const context = this.#context;
    const flat = flattenBatch(batch);
    context.hookLogs.batchSize = batchSizeOf(flat);
    this.progress.increment("ready");
    await callHooks(context, this.#names.batchStart, [batchIdx]);
    this.progress.increment("started");
    try {
      const { outputs } = await this.#runner.run(flat);
      await this.#logs.add(outputs, batchSizeOf(flat));
    } catch (error) {
      throw userFailure(error, `${context.module.constructor.name}.${this.#names.step} in ${this.#place(batchIdx)}`);
    }
    this.progress.increment("processed");
    await callHooks(context, this.#names.batchEnd, [batchIdx]);
    this.progress.increment("completed");
    if (!sanityChecking) await this.#logBatch();
  }

  /** Metrics logged on_step: a row of their own, counted by validation batches seen. */
  async #logBatch(): Promise<void> {
    if (this.#logs.hasStepMetrics) {
      await this.#logs.settle();
      const views = this.results.metrics(true);
      this.#context.board.show(views);
      await this.#context.board.writeBatchRow(views.log, this.batchesSeen);
    }
    this.batchesSeen += 1;
  }

  async #logEpoch(): Promise<void> {
    const { board, trainer } = this.#context;
    const views = this.results.metrics(false);
    this.logged = views.log;
    board.show(views);
    await board.writeRow(views.log, trainer.currentEpoch, this.#situation().step);
  }

  get #names(): (typeof EVALUATION_STAGES)[EvaluationStage] {
    return EVALUATION_STAGES[this.stage];
  }

  #step(tree: BatchTree): StepFunction {
    const { module } = this.#context;
    const { step } = this.#names;
    return (inputs, recording) => {
      const batch = assembleBatch(tree, inputs);
      const outputs: Record<string, Tensor> = {};
      const index = this.progress.current.ready - 1;
      const batchIdx = recording === "again" ? index + OTHER_BATCH : index;
      module.withLogSink(this.#logs.sink(outputs), () => module[step]?.(batch, batchIdx));
      return outputs;
    };
  }

  #place(batchIdx: number): string {
    const { stage, currentEpoch } = this.#context.trainer;
    if (this.#situation().sanityChecking) return `the sanity check, batch ${batchIdx}`;
    return stage === "fit" ? `epoch ${currentEpoch}, batch ${batchIdx}` : `batch ${batchIdx}`;
  }
}
