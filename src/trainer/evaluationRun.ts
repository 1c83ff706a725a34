import type { CheckpointIO } from "../checkpoint/checkpointIO.js";
import type { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { Prediction } from "../core/prediction.js";
import type { Stage, TrainerState } from "../core/trainerState.js";
import type { DataLoader } from "../data/dataLoader.js";
import { LtrainError } from "../errors.js";
import { EvaluationLoop } from "../loops/evaluationLoop.js";
import { HookLogs } from "../loops/hookLogs.js";
import type { Interruption } from "../loops/interruption.js";
import type { EvaluationContext } from "../loops/loopContext.js";
import { MetricsBoard } from "../loops/metricsBoard.js";
import { PredictionLoop, canPredict, noLogs } from "../loops/predictionLoop.js";
import { Results } from "../loops/results.js";
import type { Precision } from "../precision/precision.js";
import { limitedBatches } from "./batchLimit.js";
import type { DataSource, LoaderHook } from "./dataSource.js";
import type { BatchLimit, ResolvedOptions } from "./options.js";
import { restoreStates, restoreWeights } from "./restoreStates.js";

/** What is run where nothing is trained: Trainer's other methods. */
export type EvaluationVerb = Exclude<Stage, "fit" | "sanityCheck">;

/** What of module, data and options each of them takes. */
const VERBS = {
  validate: {
    step: "validationStep",
    loader: "valDataloader",
    limit: "limitValBatches",
    limitName: "limit_val_batches",
  },
  test: { step: "testStep", loader: "testDataloader", limit: "limitTestBatches", limitName: "limit_test_batches" },
  predict: {
    step: "predictStep",
    loader: "predictDataloader",
    limit: "limitPredictBatches",
    limitName: "limit_predict_batches",
  },
} as const satisfies Record<EvaluationVerb, { step: string; loader: LoaderHook; limit: string; limitName: string }>;

/** What an evaluation is made of. */
export interface EvaluationParts {
  readonly trainer: TrainerState;
  readonly options: ResolvedOptions;
  readonly stage: EvaluationVerb;
  readonly module: LightningModule;
  readonly data: DataSource;
  readonly interruption: Interruption;
}

/** The objects of one validate, test or predict; all that lives as long as it does. */
export class EvaluationRun {
  readonly stage: EvaluationVerb;
  /** null while predicting: nothing is logged then. */
  readonly board: MetricsBoard | null;
  readonly hookLogs: HookLogs | ReturnType<typeof noLogs>;
  numBatches = 0;

  readonly #parts: EvaluationParts;
  #loader: DataLoader | null = null;
  #loop: EvaluationLoop | null = null;

  constructor(parts: EvaluationParts) {
    const { stage, module, options, data } = parts;
    this.#parts = parts;
    this.stage = stage;
    requireStep(module, stage);
    data.require(VERBS[stage].loader, stage);
    this.board = stage === "predict" ? null : new MetricsBoard(options.loggers);
    this.hookLogs = stage === "predict" ? noLogs(module) : new HookLogs(module, new Results(false));
  }

  /** The weights of a checkpoint, and the state of data module and callbacks. */
  async restore(io: CheckpointIO, path: string): Promise<void> {
    const { trainer, module, data } = this.#parts;
    const { checkpoint, close } = await io.load(path);
    try {
      await restoreWeights(checkpoint, module, (variable, value) => {
        trainer.executor.write(variable, value);
      });
      // What no callback here claims is not written anywhere: there is nothing to keep it for.
      await restoreStates(checkpoint, data.datamodule, {
        trainer,
        module,
        callbacks: this.#callbacks,
        hookLogs: this.hookLogs,
      });
    } finally {
      await close();
    }
  }

  /** Validate or test; gives the logged metrics, one dict for each loader, and none where there were no batches. */
  async evaluate(precision: Precision, step: number): Promise<Record<string, number>[]> {
    if (!(await this.#open()) || this.#loader === null) return [];
    const { stage } = this;
    const situation = { sanityChecking: false, numBatches: this.numBatches, step };
    const loop = new EvaluationLoop(
      this.#context(precision),
      () => situation,
      stage === "test" ? "test" : "validation",
    );
    this.#loop = loop;
    loop.loader = this.#loader;
    loop.numBatches = this.numBatches;
    if (!(await loop.run())) throw this.#stopped(loop.progress.current.completed);
    return [Object.fromEntries(loop.logged)];
  }

  /** Predict; gives one prediction for each batch, null where they are not wanted or there were no batches. */
  async predict(precision: Precision, keep: boolean): Promise<Prediction[] | null> {
    if (!(await this.#open()) || this.#loader === null) return null;
    const { trainer, module, interruption } = this.#parts;
    const { hookLogs } = this;
    const { executor } = trainer;
    const loop = new PredictionLoop({
      ...{ trainer, module, callbacks: this.#callbacks, hookLogs, executor, precision, interruption },
    });
    const predictions = await loop.run(this.#loader, this.numBatches, keep);
    if (loop.isCut) throw this.#stopped(loop.progress.current.completed);
    return keep ? predictions : null;
  }

  /** Give back what waits on the device, and end the data workers. */
  async release(): Promise<void> {
    this.#loop?.dispose();
    await this.#loader?.close();
  }

  get #callbacks(): readonly Callback[] {
    return this.#parts.options.callbacks;
  }

  /** Ask for the loader; false where there is nothing to do. */
  async #open(): Promise<boolean> {
    const { data, options, stage } = this.#parts;
    const { loader: hook, limit, limitName } = VERBS[stage];
    const wanted: BatchLimit = options[limit];
    if (wanted === 0) return false;
    const loader = await data.loader(hook);
    if (loader === null) {
      throw new LtrainError("config.invalid", `there is nothing to ${stage}: ${hook} gave no loader`, {
        hint: `let ${hook} give a DataLoader, or hand one to Trainer.${stage}`,
      });
    }
    this.#loader = loader;
    this.numBatches = limitedBatches(limitName, loader.length, wanted);
    return this.numBatches > 0;
  }

  #context(precision: Precision): EvaluationContext {
    const { trainer, module, interruption } = this.#parts;
    const { board, hookLogs } = this;
    if (board === null || !(hookLogs instanceof HookLogs)) throw new Error("a prediction logs nothing");
    const { executor } = trainer;
    return { trainer, module, callbacks: this.#callbacks, executor, precision, board, hookLogs, interruption };
  }

  #stopped(batches: number): LtrainError {
    const { interruption, stage } = this.#parts;
    return new LtrainError(
      "run.stopped",
      `${stage} was stopped after ${batches} of ${this.numBatches} batches (${interruption.reason ?? ""})`,
    );
  }
}

function requireStep(module: LightningModule, stage: EvaluationVerb): void {
  const { step } = VERBS[stage];
  const isThere = stage === "predict" ? canPredict(module) : module[step] !== undefined;
  if (isThere) return;
  const also = stage === "predict" ? " and no forward" : "";
  throw new LtrainError("config.invalid", `${module.constructor.name} has no ${step}${also}`, {
    hint: `Trainer.${stage} needs it`,
  });
}
