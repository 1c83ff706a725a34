import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ModelCheckpoint } from "../../src/callbacks/modelCheckpoint.js";
import { WeightAveraging } from "../../src/callbacks/weightAveraging.js";
import { Callback } from "../../src/core/callback.js";
import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { Logger } from "../../src/core/logger.js";
import type { Prediction, StepPrediction } from "../../src/core/prediction.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import type { Dataset } from "../../src/data/dataset.js";
import { TensorDataset } from "../../src/data/dataset.js";
import type { EngineName } from "../../src/engine/executor.js";
import { LtrainError } from "../../src/errors.js";
import { Dropout } from "../../src/nn/dropout.js";
import { Linear } from "../../src/nn/linear.js";
import { SGD } from "../../src/optim/sgd.js";
import { PyDict } from "../../src/pickle/values.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { hostNumbers } from "../../src/tensor/cast.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { inTemporaryFolder } from "./tinyRun.js";

type Metrics = Readonly<Record<string, number>>;
interface Evaluated {
  readonly results: Metrics[];
  readonly rows: [number, Metrics][];
  readonly callback_metrics: Metrics;
  readonly progress_bar_metrics: Metrics;
}
/** What fixtures/make-evaluation.py recorded of real Lightning. */
const LIGHTNING = JSON.parse(
  readFileSync(fileURLToPath(new URL("../fixtures/lightning-evaluation.json", import.meta.url)), "utf8"),
) as {
  readonly rows: number[][];
  readonly weight: number[][];
  readonly bias: number[];
  readonly hooks: Readonly<Record<string, string[]>>;
  readonly validate: Evaluated;
  readonly test: Evaluated;
  readonly "test after fit": { readonly rows: [number, string[], number | null][]; readonly position: number[] };
  readonly predict: unknown[];
  readonly "predict of a loader, limited": unknown[];
  readonly "predict of half": number;
  readonly "predict of nothing": null;
  readonly "validate of nothing": unknown[];
};

const ENGINES: readonly EngineName[] = ["tfjs", "onnxruntime"];

/** Whole tensors as batches: the recorded module takes x, and not a list with x in it. */
class Rows implements Dataset {
  readonly #rows: number[][];
  readonly length: number;
  constructor(rows = LIGHTNING.rows) {
    this.#rows = rows;
    this.length = rows.length;
  }
  getBatch(indices: readonly number[] | Int32Array): HostTensor {
    const rows = Array.from(indices, (index) => this.#rows[index] ?? []);
    return float32Tensor(Float32Array.from(rows.flat()), [rows.length, 2]);
  }
}
const loader = (): DataLoader => new DataLoader(new Rows(), { batchSize: 2 });

class Module extends LightningModule<Tensor> {
  readonly layer = new Linear(2, 1);
  predictSteps = 0;
  constructor() {
    super();
    this.layer.weight.write(float32Tensor(Float32Array.from(LIGHTNING.weight.flat()), [1, 2]));
    this.layer.bias?.write(float32Tensor(Float32Array.from(LIGHTNING.bias), [1]));
  }
  trainingStep(batch: Tensor): Tensor {
    return tf.mean(tf.square(this.layer.forward(batch)));
  }
  #evaluate(name: string, batch: Tensor): void {
    const loss = this.trainingStep(batch);
    this.log(name, loss, { progBar: true });
    this.log(`${name}_both`, loss, { onStep: true, onEpoch: true });
    this.log(`${name}_total`, loss, { reduceFx: "sum" });
    this.log(`${name}_largest`, loss, { reduceFx: "max" });
    this.log(`${name}_unlogged`, loss, { logger: false });
  }
  override validationStep(batch: Tensor): void {
    this.#evaluate("val_loss", batch);
  }
  override testStep(batch: Tensor): void {
    this.#evaluate("test_loss", batch);
  }
  override onTestBatchEnd(batchIdx: number): void {
    this.log("from_batch_end", 10 * batchIdx);
  }
  override onTestEpochEnd(): void {
    this.log("from_epoch_end", 7.5);
  }
  override predictStep(batch: Tensor): StepPrediction | null {
    const y = this.layer.forward(batch);
    const flat = tf.reshape(y, [-1]);
    return { y, parts: [flat, { positive: tf.greater(y, 0) }], rank: tf.cast(tf.round(flat), "int32") };
  }
  configureOptimizers(): OptimizerSetup {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}

class FailingTest extends Module {
  #tested = 0;
  override testStep(batch: Tensor): void {
    if (this.#tested === 1) throw new Error("as planned");
    this.#tested += 1;
    super.testStep(batch);
  }
}

class Data extends LightningDataModule {
  trainDataloader(): DataLoader {
    return loader();
  }
  override valDataloader(): DataLoader {
    return loader();
  }
  override testDataloader(): DataLoader {
    return loader();
  }
  override predictDataloader(): DataLoader {
    return loader();
  }
  override stateDict(): PyDict {
    return PyDict.from({ seen: 2 });
  }
}

class Plain extends Callback {
  override stateDict(): PyDict {
    return PyDict.from({ seen: 1 });
  }
}
class Saving extends Callback {
  override readonly order = "last";
  override stateDict(): PyDict {
    return PyDict.from({ saved: 1 });
  }
}

class RowsLogger implements Logger {
  readonly name = "rows";
  readonly logDir = null;
  readonly rows: [number, Metrics][] = [];
  readonly ends: string[] = [];
  logHyperparams(): Promise<void> {
    return Promise.resolve();
  }
  logMetrics(metrics: Metrics, step: number): Promise<void> {
    this.rows.push([step, metrics]);
    return Promise.resolve();
  }
  save(): Promise<void> {
    return Promise.resolve();
  }
  finalize(status: string): Promise<void> {
    this.ends.push(status);
    return Promise.resolve();
  }
}

const QUIET: TrainerOptions = { logger: false, enableCheckpointing: false, engine: "tfjs" };

/** Let every recorded hook of `object` be noted before it does what it does. */
function record<T extends object>(owner: string, object: T, calls: string[]): T {
  const all = Object.values(LIGHTNING.hooks).flat();
  const hooks = all.filter((call) => call.startsWith(`${owner}.`)).map((call) => call.slice(owner.length + 1));
  for (const hook of new Set(hooks)) {
    const original = (object as Record<string, unknown>)[hook] as ((...args: unknown[]) => unknown) | undefined;
    const note = function (this: unknown, ...args: unknown[]): unknown {
      calls.push(`${owner}.${hook}`);
      return original?.apply(object, args);
    };
    // A step that is not there stays so: that is what says whether the module can do it.
    if (original !== undefined || !hook.endsWith("Step")) {
      Object.defineProperty(object, hook, { value: note, enumerable: false });
    }
  }
  return object;
}

type Verb = "validate" | "test" | "predict";

async function callsOf(
  verb: Verb,
  options: TrainerOptions = {},
  ckptPath: string | null = null,
  module = new Module(),
) {
  const calls: string[] = [];
  const callbacks = [record("checkpoint", new Saving(), calls), record("callback", new Plain(), calls)];
  const trainer = new Trainer({ ...QUIET, enableCheckpointing: true, ...options, callbacks });
  const data = record("data", new Data(), calls);
  await trainer[verb](record("module", module, calls), data, { ckptPath }).catch((error: unknown) => {
    expect((error as LtrainError).message).toContain("as planned");
  });
  return calls;
}

/** Predictions as plain lists, tensors as nested lists. */
function plain(prediction: Prediction): unknown {
  if (prediction === null) return null;
  if (Array.isArray(prediction)) return prediction.map((item: Prediction) => plain(item));
  if (!("bytes" in prediction && prediction.bytes instanceof Uint8Array)) {
    return Object.fromEntries(Object.entries(prediction).map(([key, item]) => [key, plain(item as Prediction)]));
  }
  const tensor = prediction as HostTensor;
  const values = Array.from(hostNumbers(tensor), (value) => (tensor.dtype === "bool" ? value !== 0 : value));
  return nested(values, tensor.shape);
}
function nested(values: readonly unknown[], shape: readonly number[]): unknown {
  const [size, ...rest] = shape;
  if (size === undefined) return values[0];
  const step = rest.reduce((product, each) => product * each, 1);
  return Array.from({ length: size }, (_, i) => nested(values.slice(i * step, (i + 1) * step), rest));
}

describe("hooks are called in Lightning's order", () => {
  test.each(["validate", "test", "predict"] as const)("when it %ss", async (verb) => {
    expect(await callsOf(verb, { limitValBatches: 2 })).toEqual(LIGHTNING.hooks[verb]);
  });

  test.each(["validate", "test", "predict"] as const)("when it %ss a checkpoint", async (verb) => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "some.ckpt");
      const callbacks = [new Saving(), new Plain()];
      const trainer = new Trainer({ ...QUIET, enableCheckpointing: true, maxEpochs: 1, callbacks });
      await trainer.fit(new Module(), new Data());
      await trainer.saveCheckpoint(path);
      expect(await callsOf(verb, {}, path)).toEqual(LIGHTNING.hooks[`${verb} of a checkpoint`]);
    });
  });

  test("when a step fails", async () => {
    expect(await callsOf("test", {}, null, new FailingTest())).toEqual(LIGHTNING.hooks["test that fails"]);
  });

  test("when there are no batches", async () => {
    expect(await callsOf("test", { limitTestBatches: 0 })).toEqual(LIGHTNING.hooks["test without batches"]);
  });

  test("on onnxruntime too, where steps are called when they are captured: twice for each of two shapes", async () => {
    const isStep = (call: string): boolean => call === "module.predictStep";
    const calls = await callsOf("predict", { engine: "onnxruntime" });
    expect(calls.filter((call) => !isStep(call))).toEqual(LIGHTNING.hooks["predict"]?.filter((call) => !isStep(call)));
    expect(calls.filter(isStep)).toHaveLength(4);
  });
});

describe.each(ENGINES)("on %s", (engine) => {
  test.each(["validate", "test"] as const)("%s gives, logs and shows what it does in Lightning", async (verb) => {
    const logger = new RowsLogger();
    const trainer = new Trainer({ ...QUIET, engine, logger });
    const wanted = LIGHTNING[verb];
    expect(await trainer[verb](new Module(), new Data())).toEqual(wanted.results);
    expect(logger.rows).toEqual(wanted.rows);
    expect(logger.ends).toEqual(["success"]);
    expect(Object.fromEntries(trainer.callbackMetrics)).toEqual(wanted.callback_metrics);
    expect(Object.fromEntries(trainer.progressBarMetrics)).toEqual(wanted.progress_bar_metrics);
    expect(trainer.stage).toBe(verb);
  });

  test("predict gives Lightning's predictions, nested as predictStep nests them, the smaller last batch too", async () => {
    const predictions = await new Trainer({ ...QUIET, engine }).predict(new Module(), new Data());
    expect(predictions?.map(plain)).toEqual(LIGHTNING.predict);
  });

  test("a loader alone will do, and limits count batches or take a part", async () => {
    const few = await new Trainer({ ...QUIET, engine, limitPredictBatches: 2 }).predict(new Module(), loader());
    expect(few?.map(plain)).toEqual(LIGHTNING["predict of a loader, limited"]);
    const half = await new Trainer({ ...QUIET, engine, limitPredictBatches: 0.5 }).predict(new Module(), loader());
    expect(half).toHaveLength(LIGHTNING["predict of half"]);
  });

  test("what predictStep hands through, gives twice or makes of nothing comes out as it is", async () => {
    class Through extends Module {
      override predictStep(batch: Tensor): StepPrediction {
        const y = this.layer.forward(batch);
        return {
          batch,
          again: batch,
          y,
          twice: y,
          weight: this.layer.weight.value,
          one: 1,
          constant: tf.tensor1d([1, 2]),
        };
      }
    }
    const [first] = (await new Trainer({ ...QUIET, engine }).predict(new Through(), loader())) ?? [];
    const rows = LIGHTNING.rows.slice(0, 2);
    const y = [[0.25], [1.75]];
    expect(plain(first ?? null)).toEqual({
      ...{ batch: rows, again: rows, y, twice: y, weight: LIGHTNING.weight, one: 1, constant: [1, 2] },
    });
  });

  test("a predictStep that gives nothing predicts null for each batch", async () => {
    class Nothing extends Module {
      override predictStep(): null {
        return null;
      }
    }
    expect(await new Trainer({ ...QUIET, engine }).predict(new Nothing(), loader())).toEqual([null, null, null]);
  });

  test("without a predictStep it is forward that predicts, for the first tensor of a batch that is a list", async () => {
    class Forward extends LightningModule {
      readonly layer = new Module().layer;
      forward(x: Tensor): Tensor {
        return this.layer.forward(x);
      }
      trainingStep(): void {
        throw new Error("not called");
      }
      configureOptimizers(): OptimizerSetup {
        throw new Error("not called");
      }
    }
    const rows = float32Tensor(Float32Array.from(LIGHTNING.rows.flat()), [5, 2]);
    const data = new DataLoader(new TensorDataset(rows, rows), { batchSize: 2 });
    const predictions = await new Trainer({ ...QUIET, engine }).predict(new Forward(), data);
    expect(predictions?.map(plain)).toEqual([[[0.25], [1.75]], [[1.25], [-3.5]], [[2.125]]]);
  });

  test("modules are in evaluation mode while it lasts, each in its own mode after it", async () => {
    class WithDropout extends Module {
      readonly dropout = new Dropout(0.99);
      override predictStep(batch: Tensor): StepPrediction {
        return this.dropout.forward(this.layer.forward(batch));
      }
    }
    const module = new WithDropout();
    module.layer.training = false;
    const predictions = await new Trainer({ ...QUIET, engine }).predict(module, loader());
    expect(predictions?.map(plain)).toEqual([[[0.25], [1.75]], [[1.25], [-3.5]], [[2.125]]]);
    expect([module.training, module.dropout.training, module.layer.training]).toEqual([true, true, false]);
  });
});

test("without batches nothing is given, as in Lightning", async () => {
  expect(await new Trainer({ ...QUIET, limitPredictBatches: 0 }).predict(new Module(), loader())).toBe(
    LIGHTNING["predict of nothing"],
  );
  expect(await new Trainer({ ...QUIET, limitValBatches: 0 }).validate(new Module(), loader())).toEqual(
    LIGHTNING["validate of nothing"],
  );
});

test("a test after a fit is logged at the fit's epoch and step, as in Lightning", async () => {
  const logger = new RowsLogger();
  const trainer = new Trainer({ ...QUIET, logger, maxEpochs: 2, logEveryNSteps: 100 });
  const module = new Module();
  await trainer.fit(module, new Data());
  logger.rows.length = 0;
  await trainer.test(module, new Data());
  const rows = logger.rows.map(([step, row]) => [step, Object.keys(row).sort(), row["epoch"] ?? null]);
  expect(rows).toEqual(LIGHTNING["test after fit"].rows);
  expect([trainer.currentEpoch, trainer.globalStep]).toEqual(LIGHTNING["test after fit"].position);
});

test("predictions that are not wanted are left to onPredictBatchEnd", async () => {
  const seen: unknown[] = [];
  class Seeing extends Callback {
    override onPredictBatchEnd(
      trainer: TrainerState,
      _module: LightningModule,
      prediction: Prediction,
      i: number,
    ): void {
      seen.push([i, trainer.numPredictBatches, plain(prediction)]);
    }
  }
  const trainer = new Trainer({ ...QUIET, callbacks: [new Seeing()] });
  expect(await trainer.predict(new Module(), loader(), { returnPredictions: false })).toBeNull();
  expect(seen).toEqual(LIGHTNING.predict.map((prediction, i) => [i, 3, prediction]));
});

test("no op runs by itself while a captured prediction goes on, and nothing is left behind", async () => {
  const rows = Array.from({ length: 21 }, (_, i) => [i, -i]);
  const module = new Module();
  let kernels = 0;
  const counts: number[] = [];
  const engine = tf.engine();
  const runKernel = engine.runKernel.bind(engine);
  engine.runKernel = (...args: Parameters<typeof runKernel>) => {
    kernels += 1;
    return runKernel(...args);
  };
  class Counting extends Callback {
    override onPredictBatchEnd(): void {
      counts.push(kernels);
    }
  }
  const tensors = tf.memory().numTensors;
  try {
    const trainer = new Trainer({ ...QUIET, engine: "onnxruntime", callbacks: [new Counting()] });
    const data = new DataLoader(new Rows(rows), { batchSize: 2 });
    expect(await trainer.predict(module, data)).toHaveLength(11);
  } finally {
    engine.runKernel = runKernel;
  }
  const [first = 0] = counts;
  expect(first).toBeGreaterThan(0); // when it is captured
  // From the second batch to the last full one nothing; the smaller last batch is a graph of its own.
  expect(counts.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => first));
  expect(tf.memory().numTensors).toBe(tensors);
});

describe("a checkpoint", () => {
  const best = { monitor: "val_loss", saveTopK: -1, saveLast: true } as const;

  test("is given by path, or is the fit's best or last one", async () => {
    await inTemporaryFolder(async (folder) => {
      const warnings: string[] = [];
      const saving = new ModelCheckpoint({ ...best, dirpath: folder });
      const trainer = new Trainer({
        ...QUIET,
        enableCheckpointing: true,
        maxEpochs: 3,
        defaultRootDir: folder,
        callbacks: [saving],
        onWarning: (message) => {
          warnings.push(message);
        },
      });
      const module = new Module();
      await trainer.fit(module, new Data());
      // With this learning rate the loss goes up: the first epoch is the best, and the last one is the last.
      const [live] = await trainer.validate(module, new Data());
      const [last] = await trainer.validate(module, new Data(), { ckptPath: "last" });
      const [first] = await trainer.validate(new Module(), new Data(), { ckptPath: "best" });
      const [named] = await trainer.validate(new Module(), new Data(), { ckptPath: saving.bestModelPath });
      const [again] = await trainer.validate(); // the fit's module, data and best checkpoint
      expect(last).toEqual(live);
      expect(first?.["val_loss"]).toBeLessThan(live?.["val_loss"] ?? NaN);
      expect(named).toEqual(first);
      expect(again).toEqual(first);
      expect(warnings).toEqual([]);
    });
  });

  test("that is called the last and is not there is not loaded, which is said", async () => {
    const warnings: string[] = [];
    const trainer = new Trainer({
      ...QUIET,
      onWarning: (message) => {
        warnings.push(message);
      },
    });
    const [metrics] = await trainer.validate(new Module(), new Data(), { ckptPath: "last" });
    expect(metrics).toEqual(LIGHTNING.validate.results[0]);
    expect(warnings).toEqual([
      "validate of the last checkpoint: there is none, so none is loaded; ModelCheckpoint's save_last makes one",
    ]);
  });

  test("that is called the best and is not there is an error", async () => {
    const test = new Trainer(QUIET).test(new Module(), new Data(), { ckptPath: "best" });
    await expect(test).rejects.toMatchObject({
      code: "config.invalid",
      message: "test of the best checkpoint: there is no ModelCheckpoint",
    });
    const untrained = new Trainer({ ...QUIET, enableCheckpointing: true });
    await expect(untrained.test(new Module(), new Data(), { ckptPath: "best" })).rejects.toMatchObject({
      message: "test of the best checkpoint: the ModelCheckpoint has saved none yet",
    });
    await expect(untrained.test()).rejects.toMatchObject({
      message: "there is no module to test: none was given, and none was trained",
    });
  });

  test("with averaged weights is evaluated by the average, also after the fit that made it", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "averaged.ckpt");
      const options = { ...QUIET, maxEpochs: 2, callbacks: [new WeightAveraging()] };
      const trainer = new Trainer(options);
      const module = new Module();
      await trainer.fit(module, new Data());
      await trainer.saveCheckpoint(path);
      const after = await trainer.validate(module, new Data());
      const plainly = await new Trainer(QUIET).validate(new Module(), new Data(), { ckptPath: path });
      const averaging = await new Trainer({ ...options, callbacks: [new WeightAveraging()] }).validate(
        new Module(),
        new Data(),
        { ckptPath: path },
      );
      expect(after).toEqual(plainly);
      expect(averaging).toEqual(plainly);
    });
  });
});

describe("what cannot be done is said before anything is set up", () => {
  class Untested extends LightningModule {
    trainingStep(): void {
      throw new Error("not called");
    }
    configureOptimizers(): OptimizerSetup {
      throw new Error("not called");
    }
  }
  class OnlyTraining extends LightningDataModule {
    trainDataloader(): DataLoader {
      return loader();
    }
  }

  test.each([
    ["validate", "Untested has no validationStep"],
    ["test", "Untested has no testStep"],
    ["predict", "Untested has no predictStep and no forward"],
  ] as const)("%s without the step", async (verb, message) => {
    await expect(new Trainer(QUIET)[verb](new Untested(), new Data())).rejects.toMatchObject({
      code: "config.invalid",
      message,
    });
  });

  test("or without batches", async () => {
    await expect(new Trainer(QUIET).predict(new Module(), new OnlyTraining())).rejects.toMatchObject({
      code: "config.invalid",
      message: "OnlyTraining and Module have no predictDataloader",
    });
  });

  test("a module may have its own loaders", async () => {
    class WithLoader extends Module {
      override testDataloader(): DataLoader {
        return loader();
      }
    }
    expect(await new Trainer(QUIET).test(new WithLoader())).toEqual(LIGHTNING.test.results);
  });
});

test.each(ENGINES)("nothing can be logged while predicting, in steps and in hooks (%s)", async (engine) => {
  class Logging extends Module {
    override predictStep(batch: Tensor): StepPrediction {
      this.log("y", 1);
      return batch;
    }
  }
  class LoggingHook extends Module {
    override onPredictStart(): void {
      this.log("y", 1);
    }
  }
  for (const module of [new Logging(), new LoggingHook()]) {
    await expect(new Trainer({ ...QUIET, engine }).predict(module, loader())).rejects.toMatchObject({
      code: "user.failed",
      message: 'log("y") while predicting: there is no logging then',
    });
  }
});

test("what is no tensor is refused, and named", async () => {
  class Named extends Module {
    override predictStep(): StepPrediction {
      return { y: { name: "seven" } } as unknown as StepPrediction;
    }
  }
  await expect(new Trainer(QUIET).predict(new Named(), loader())).rejects.toMatchObject({
    code: "user.failed",
    message: "Named.predictStep gave seven as prediction.y.name, which is no tensor",
  });
});

test("an evaluation that is stopped has no result", async () => {
  class Stopping extends Callback {
    override onPredictBatchEnd(): void {
      trainer.stop("SIGINT");
    }
  }
  const trainer = new Trainer({ ...QUIET, callbacks: [new Stopping()] });
  await expect(trainer.predict(new Module(), loader())).rejects.toMatchObject({
    code: "run.stopped",
    message: "predict was stopped after 1 of 3 batches (SIGINT)",
  });
  expect(await new Trainer(QUIET).predict(new Module(), loader())).toHaveLength(3);
});
