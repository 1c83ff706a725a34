import type { BatchTree, FlatBatch } from "../core/batch.js";
import { assembleBatch, flattenBatch } from "../core/batch.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { Prediction } from "../core/prediction.js";
import { assemblePrediction, flattenPrediction } from "../core/prediction.js";
import type { Batch } from "../data/batch.js";
import type { DataLoader } from "../data/dataLoader.js";
import type { StepFunction } from "../engine/executor.js";
import { LtrainError } from "../errors.js";
import { tf } from "../tensor/tf.js";
import type { HookContext } from "./callHooks.js";
import { callHooks } from "./callHooks.js";
import { evalMode } from "./evalMode.js";
import { OTHER_BATCH } from "./hostWatch.js";
import type { Interruption } from "./interruption.js";
import { Progress } from "./progress.js";
import type { StepContext } from "./stepRunner.js";
import { StepRunner } from "./stepRunner.js";
import { userFailure } from "./userFailure.js";

/** What the loop works with. */
export interface PredictionContext extends HookContext, StepContext {
  readonly module: LightningModule;
  readonly interruption: Interruption;
}

/** What a step gives that predicts nothing: a graph has to have some output. */
const NOTHING = "nothing";

/** Prediction batches: predictStep runs as a graph of its own, and what it gives is read to the host batch by batch. */
export class PredictionLoop {
  readonly progress = new Progress("run");
  /** How far the last run came. */
  isCut = false;
  readonly #context: PredictionContext;
  readonly #runner: StepRunner<BatchTree | null>;

  constructor(context: PredictionContext) {
    this.#context = context;
    this.#runner = new StepRunner(context, { name: "predictStep", build: (tree, tell) => this.#step(tree, tell) });
  }

  /** Predict once over the loader; `keep` says whether the predictions are gathered, or left to the hooks alone. */
  async run(loader: DataLoader, numBatches: number, keep: boolean): Promise<Prediction[]> {
    const context = this.#context;
    const predictions: Prediction[] = [];
    const restoreModes = evalMode(context.module);
    const batches = loader.iterate();
    this.isCut = false;
    try {
      this.progress.resetOnRun();
      await callHooks(context, "onPredictStart", []);
      await callHooks(context, "onPredictEpochStart", []);
      for (let i = 0; i < numBatches; i += 1) {
        const next = await this.#fetch(() => context.interruption.orNull(batches.next()), i);
        this.isCut = next === null;
        if (next === null) return predictions;
        if (next.done === true) break;
        const prediction = await this.#predictBatch(next.value, i);
        if (keep) predictions.push(prediction);
      }
      await callHooks(context, "onPredictEpochEnd", []);
      await callHooks(context, "onPredictEnd", []);
      return predictions;
    } finally {
      await batches.return();
      restoreModes();
    }
  }

  async #fetch<T>(next: () => Promise<T>, batchIdx: number): Promise<T> {
    try {
      return await next();
    } catch (error) {
      throw userFailure(error, `the data in prediction batch ${batchIdx}`);
    }
  }

  async #predictBatch(batch: Batch, batchIdx: number): Promise<Prediction> {
    const context = this.#context;
    this.progress.increment("ready");
    await callHooks(context, "onPredictBatchStart", [batchIdx]);
    this.progress.increment("started");
    let prediction: Prediction;
    try {
      prediction = await this.#predict(flattenBatch(batch));
    } catch (error) {
      throw userFailure(error, `${context.module.constructor.name}.predictStep in batch ${batchIdx}`);
    }
    this.progress.increment("processed");
    await callHooks(context, "onPredictBatchEnd", [prediction, batchIdx]);
    this.progress.increment("completed");
    return prediction;
  }

  async #predict(batch: FlatBatch): Promise<Prediction> {
    const { outputs, note: tree } = await this.#runner.run(batch);
    try {
      if (tree === undefined) throw new Error("a step ran that was never captured");
      const values: Record<string, Batch> = {};
      for (const name of outputs.names) values[name] = await outputs.tensor(name);
      return assemblePrediction(tree, values);
    } finally {
      outputs.dispose();
    }
  }

  #step(tree: BatchTree, tell: (shape: BatchTree | null) => void): StepFunction {
    return predictionStep(this.#context.module, tree, tell, () => this.progress.current.ready - 1);
  }
}

/** predictStep for batches of a structure, as a step that an executor runs; `tell` hears the structure of what it gives. */
export function predictionStep(
  module: LightningModule,
  tree: BatchTree,
  tell: (shape: BatchTree | null) => void,
  index: () => number = () => 0,
): StepFunction {
  return (inputs, recording) => {
    const batch = assembleBatch(tree, inputs);
    const batchIdx = recording === "again" ? index() + OTHER_BATCH : index();
    const given = module.withLogSink(refuseLog, () => predict(module, batch, batchIdx));
    const { tree: shape, outputs } = flattenPrediction(given, `${module.constructor.name}.predictStep`);
    tell(shape);
    return Object.keys(outputs).length === 0 ? { [NOTHING]: tf.scalar(0) } : outputs;
  };
}

/** While hooks of a prediction run, there is nowhere to log to. */
export function noLogs(module: LightningModule): HookContext["hookLogs"] {
  return {
    enter: () => {
      module.takeLogs(refuseLog);
    },
    leave: () => {
      module.takeLogs(null);
    },
  };
}

function refuseLog(name: string): never {
  throw new LtrainError("user.failed", `log("${name}") while predicting: there is no logging then`, {
    hint: "give the value back from predictStep, or log it in testStep",
  });
}

/** Whether a module can predict: by a predictStep, or by a forward. */
export function canPredict(module: LightningModule): boolean {
  return module.predictStep !== undefined || hasForward(module);
}

/** Lightning's predict_step is the module called on the batch; where that is a list, on what stands first in it. */
function predict(module: LightningModule, batch: unknown, batchIdx: number): unknown {
  if (module.predictStep !== undefined) return module.predictStep(batch, batchIdx);
  if (!hasForward(module)) throw new Error("a module that cannot predict was asked to");
  return module.forward(Array.isArray(batch) ? (batch as readonly unknown[])[0] : batch);
}

function hasForward(module: object): module is { forward(x: unknown): unknown } {
  return "forward" in module && typeof module.forward === "function";
}
