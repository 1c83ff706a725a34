import { readdirSync } from "node:fs";
import { join } from "node:path";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { Callback } from "../../src/core/callback.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import type { EngineName } from "../../src/engine/executor.js";
import { LtrainError } from "../../src/errors.js";
import { Linear } from "../../src/nn/linear.js";
import { Adam } from "../../src/optim/adam.js";
import { PyDict } from "../../src/pickle/values.js";
import { findRuns } from "../../src/runs/findRuns.js";
import { surveyRun } from "../../src/runs/surveyRun.js";
import { scalarTensor } from "../../src/storage/hostTensor.js";
import { storedTensor } from "../../src/storage/storedTensor.js";
import { defaultGenerator } from "../../src/tensor/generator.js";
import { seedEverything } from "../../src/tensor/seed.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { Trainer } from "../../src/trainer/trainer.js";
import {
  fixtureRows,
  inTemporaryFolder,
  Losses,
  QUIET,
  readRun,
  Rows,
  SaveAtEpochEnds,
  TinyAutoEncoder,
  trained,
  ValidatedAutoEncoder,
  weightsOf,
} from "./tinyRun.js";

/** Five batches an epoch, the same five for validation. */
const data = (): Rows => new Rows(fixtureRows(20), { batchSize: 4, validate: true });

/** What fit refuses with. */
async function refusal(fit: Promise<unknown>): Promise<LtrainError> {
  const error: unknown = await fit.then(
    () => new Error("nothing was refused"),
    (reason: unknown) => reason,
  );
  if (error instanceof LtrainError) return error;
  throw error;
}

/** Counts what happens. */
class Counts extends Callback {
  trained = 0;
  validated = 0;
  sanityChecked = 0;
  override onTrainBatchEnd(): void {
    this.trained += 1;
  }
  override onValidationBatchEnd(trainer: TrainerState): void {
    if (trainer.stage === "sanityCheck") this.sanityChecked += 1;
    else this.validated += 1;
  }
}

async function counted(options: TrainerOptions): Promise<{ counts: number[]; reason: string }> {
  const counts = new Counts();
  const trainer = new Trainer({ ...QUIET, ...options, callbacks: [counts] });
  const { stopReason } = await trainer.fit(new ValidatedAutoEncoder(), data());
  return { counts: [counts.trained, counts.validated, counts.sanityChecked], reason: stopReason };
}

test.each<[string, TrainerOptions, number[], string]>([
  ["epochs", { maxEpochs: 2 }, [10, 10, 2], "max_epochs=2 reached"],
  ["steps, within an epoch", { maxSteps: 7 }, [7, 5, 2], "max_steps=7 reached"],
  ["steps before epochs", { maxEpochs: 2, maxSteps: 3 }, [3, 0, 2], "max_steps=3 reached"],
  ["no step at all", { maxSteps: 0 }, [0, 0, 2], "max_steps=0 reached"],
  ["limits in batches", { maxEpochs: 2, limitTrainBatches: 1, limitValBatches: 3 }, [2, 6, 2], "max_epochs=2 reached"],
  [
    "limits as fractions",
    { maxEpochs: 1, limitTrainBatches: 0.5, limitValBatches: 0.2 },
    [2, 1, 1],
    "max_epochs=1 reached",
  ],
  ["no validation", { maxEpochs: 1, limitValBatches: 0 }, [5, 0, 0], "max_epochs=1 reached"],
  ["no training", { maxEpochs: 1, limitTrainBatches: 0 }, [0, 0, 2], "there are no training batches"],
  ["validation every second epoch", { maxEpochs: 3, checkValEveryNEpoch: 2 }, [15, 5, 2], "max_epochs=3 reached"],
  ["a whole sanity check", { maxEpochs: 1, numSanityValSteps: -1 }, [5, 5, 5], "max_epochs=1 reached"],
  ["no sanity check", { maxEpochs: 1, numSanityValSteps: 0 }, [5, 5, 0], "max_epochs=1 reached"],
  ["fast_dev_run", { maxEpochs: 9, fastDevRun: true }, [1, 1, 0], "max_steps=1 reached"],
  ["fast_dev_run of three batches", { fastDevRun: 3 }, [3, 3, 0], "max_steps=3 reached"],
])("training is limited by %s", async (_, options, counts, reason) => {
  expect(await counted(options)).toEqual({ counts, reason });
});

test("a run leaves a checkpoint per epoch, metrics and hyperparameters in lightning_logs; fast_dev_run leaves nothing", async () => {
  await inTemporaryFolder(async (folder) => {
    const options = { engine: "onnxruntime", defaultRootDir: folder, maxEpochs: 2 } as const;
    await new Trainer({ ...options, fastDevRun: true }).fit(new ValidatedAutoEncoder(), data());
    expect(readdirSync(folder)).toEqual([]);

    const result = await new Trainer(options).fit(new ValidatedAutoEncoder(), data());
    const path = join(folder, "lightning_logs/version_0/checkpoints/epoch=1-step=10.ckpt");
    expect(result).toMatchObject({ globalStep: 10, epochs: 2, bestModelPath: path, lastCheckpointPath: path });
    expect(readdirSync(join(folder, "lightning_logs/version_0")).sort()).toEqual([
      "checkpoints",
      "metrics.csv",
      "run.json",
    ]);
    // What ltrain runs says of a run that no command line began.
    const [found] = await findRuns(folder);
    if (found === undefined) throw new Error("the run is not found");
    expect(await surveyRun(found)).toMatchObject({
      state: "done",
      epochs: 2,
      globalStep: 10,
      model: "ValidatedAutoEncoder",
    });
  });
});

test("without a limit on epochs and steps there are a thousand epochs, and that is said", () => {
  const warnings: string[] = [];
  const trainer = new Trainer({ ...QUIET, onWarning: (message) => warnings.push(message) });
  expect(trainer.maxEpochs).toBe(1000);
  expect(trainer.options.warnings.join()).toContain("1000 epochs");
  expect(new Trainer({ ...QUIET, maxSteps: 5 }).maxEpochs).toBe(-1);
});

test("stop ends training after the batch under way, without validation", async () => {
  const counts = new Counts();
  class StopsAt3 extends Callback {
    override onTrainBatchEnd(): void {
      if (counts.trained === 3) trainer.stop("SIGINT");
    }
  }
  const trainer = new Trainer({ ...QUIET, maxEpochs: 5, callbacks: [counts, new StopsAt3()] });
  const { stopReason, globalStep } = await trainer.fit(new ValidatedAutoEncoder(), data());
  expect([stopReason, globalStep, counts.validated]).toEqual(["SIGINT", 3, 0]);
});

test("validation and its sanity check leave no trace in the training: weights are the same without them", async () => {
  const train = async (numSanityValSteps: number): Promise<unknown> => {
    seedEverything(3);
    const module = new ValidatedAutoEncoder();
    const shuffled = new Rows(fixtureRows(20), { batchSize: 4, shuffle: true, validate: true });
    await new Trainer({ ...QUIET, maxEpochs: 1, numSanityValSteps }).fit(module, shuffled);
    return [await weightsOf(module), defaultGenerator.u32()];
  };
  expect(await train(2)).toEqual(await train(0));
});

test("a loss that becomes NaN is a number like any other to the loop", async () => {
  class Diverges extends TinyAutoEncoder {
    override trainingStep(batch: readonly [Tensor]): Tensor {
      return tf.mul(super.trainingStep(batch), Number.NaN);
    }
  }
  const losses = new Losses();
  await new Trainer({ ...QUIET, maxEpochs: 1, callbacks: [losses] }).fit(new Diverges(), data());
  expect(losses.losses).toEqual(new Array(5).fill(Number.NaN));
});

test("training keeps no tensors from step to step", async () => {
  const seen: number[] = [];
  class CountsTensors extends Callback {
    override onTrainBatchEnd(): void {
      seen.push(tf.memory().numTensors);
    }
  }
  const options = { ...QUIET, maxEpochs: 4, logEveryNSteps: 1, callbacks: [new CountsTensors()] };
  await new Trainer(options).fit(new ValidatedAutoEncoder(), data());
  expect(new Set(seen.slice(5)).size).toBe(1);
});

describe("what the user's code throws is told with its place, and its cause is kept", () => {
  const boom = new Error("boom");
  class FailsIn extends TinyAutoEncoder {
    readonly place: string;
    constructor(place: string) {
      super();
      this.place = place;
    }
    #failIf(place: string): void {
      if (place === this.place) throw boom;
    }
    override trainingStep(batch: readonly [Tensor], batchIdx = 0): Tensor {
      this.#failIf("trainingStep");
      if (batchIdx === 3) this.#failIf("trainingStep in batch 3");
      return super.trainingStep(batch);
    }
    override configureOptimizers(): OptimizerSetup {
      this.#failIf("configureOptimizers");
      return super.configureOptimizers();
    }
    override onTrainEpochEnd(): void {
      this.#failIf("onTrainEpochEnd");
    }
  }
  test.each<[string, string, EngineName]>([
    // Where the step is captured, it runs for the first batch.
    ["trainingStep", "FailsIn.trainingStep in epoch 0, batch 0 failed: boom", "onnxruntime"],
    ["trainingStep in batch 3", "FailsIn.trainingStep in epoch 0, batch 3 failed: boom", "tfjs"],
    ["configureOptimizers", "FailsIn.configureOptimizers failed: boom", "onnxruntime"],
    ["onTrainEpochEnd", "FailsIn.onTrainEpochEnd in epoch 0, batch 4 failed: boom", "onnxruntime"],
  ])("%s", async (place, message, engine) => {
    const seen: unknown[] = [];
    class Hears extends Callback {
      override onException(_trainer: TrainerState, _module: unknown, error: unknown): void {
        seen.push(error);
      }
    }
    const trainer = new Trainer({ ...QUIET, engine, maxEpochs: 1, callbacks: [new Hears()] });
    const error = await refusal(trainer.fit(new FailsIn(place), data()));
    expect(error).toMatchObject({ code: "user.failed", message, cause: boom });
    expect(seen).toEqual([error]);
  });

  test("a loss that is no scalar", async () => {
    class PerExample extends TinyAutoEncoder {
      override trainingStep([x]: readonly [Tensor]): Tensor {
        return tf.mean(x, 1);
      }
    }
    const error = await refusal(new Trainer({ ...QUIET, maxEpochs: 1 }).fit(new PerExample(), data()));
    expect(error.message).toBe(
      "PerExample.trainingStep must return the loss as a 0-dim tensor, it returned one of shape [4]",
    );
  });
});

describe("a checkpoint that does not fit is refused before anything is changed", () => {
  const { config } = readRun("mlp-adam-none");
  const resume = (module: TinyAutoEncoder, ckptPath: string): Promise<unknown> =>
    new Trainer({ ...QUIET, maxEpochs: 9 }).fit(module, data(), { ckptPath });

  test("a module with more layers: all that the file lacks is named, and nothing is written", async () => {
    class WithMore extends TinyAutoEncoder {
      readonly extra = new Linear(2, 2);
    }
    const module = new WithMore(config);
    const before = await weightsOf(module);
    const error = await refusal(resume(module, trained("mlp-adam-none/epoch2.ckpt")));
    expect(error).toMatchObject({ code: "checkpoint.mismatch" });
    expect(error.message).toContain("extra.{weight, bias}");
    expect(await weightsOf(module)).toEqual(before);
  });

  test("another optimizer: the weights stay as they were", async () => {
    const module = new TinyAutoEncoder(config);
    const before = await weightsOf(module);
    const error = await refusal(resume(module, trained("mlp-sgd-nesterov-steplr/epoch2.ckpt")));
    expect(error).toMatchObject({ code: "checkpoint.mismatch" });
    expect(error.message).toBe("the checkpoint has the state of 1 lr scheduler, this run has no lr schedulers");
    expect(await weightsOf(module)).toEqual(before);
  });

  test("a file with weights only names what it lacks", async () => {
    const path = trained("mlp-adam-none/init.ckpt");
    const error = await refusal(resume(new TinyAutoEncoder(config), path));
    expect(error).toMatchObject({ code: "checkpoint.mismatch" });
    expect(error.message).toBe(`${path} cannot be resumed from: it has no optimizer_states, no lr_schedulers`);
  });
});

test("the state of a callback that is not there is kept through the next checkpoint, and told once", async () => {
  class Remembers extends Callback {
    override stateDict(): PyDict {
      return PyDict.from({ score: storedTensor(scalarTensor(0.5)) });
    }
  }
  await inTemporaryFolder(async (folder) => {
    const first = {
      ...QUIET,
      maxEpochs: 1,
      enableCheckpointing: null,
      callbacks: [new Remembers(), new SaveAtEpochEnds(folder)],
    };
    await new Trainer(first).fit(new TinyAutoEncoder(), data());
    const warnings: string[] = [];
    const second = { ...first, maxEpochs: 2, callbacks: [new SaveAtEpochEnds(folder)] };
    const trainer = new Trainer({ ...second, onWarning: (message) => warnings.push(message) });
    await trainer.fit(new TinyAutoEncoder(), data(), { ckptPath: join(folder, "epoch0.ckpt") });
    expect(warnings).toEqual([
      "the checkpoint has the state of callbacks that are not configured here; it is kept: Remembers",
    ]);
    const { checkpoint, close } = await loadCheckpoint(join(folder, "epoch1.ckpt"));
    await close();
    expect(checkpoint.callbacks?.keys()).toEqual(["Remembers"]);
  });
});

test.each<[TrainerOptions, string]>([
  [{ maxEpochs: 1.5 }, "trainer.max_epochs must be a whole number not below -1, got 1.5"],
  [{ maxSteps: -2 }, "trainer.max_steps must be a whole number not below -1, got -2"],
  [
    { limitTrainBatches: 1.5 },
    "trainer.limit_train_batches must be a number of batches or a fraction below 1, got 1.5",
  ],
  [{ checkValEveryNEpoch: 0 }, "trainer.check_val_every_n_epoch must be a whole number not below 1, got 0"],
  [
    { enableCheckpointing: false, callbacks: [new SaveAtEpochEnds("")] },
    "trainer.enable_checkpointing is false, but a SaveAtEpochEnds is among trainer.callbacks",
  ],
])("options that make no sense are config.invalid: %o", (options, message) => {
  expect(() => new Trainer({ logger: false, ...options })).toThrow(
    expect.objectContaining({ code: "config.invalid", message }) as Error,
  );
});

test("a fraction that leaves no batch is refused", async () => {
  const error = await refusal(
    new Trainer({ ...QUIET, maxEpochs: 1, limitTrainBatches: 0.1 }).fit(new TinyAutoEncoder(), data()),
  );
  expect(error).toMatchObject({ code: "config.invalid" });
  expect(error.message).toBe("trainer.limit_train_batches 0.1 of 5 batches is less than one batch");
});

test("configureOptimizers may return a scheduler in any of its forms", async () => {
  class NoOptimizer extends TinyAutoEncoder {
    override configureOptimizers(): OptimizerSetup {
      return {} as unknown as OptimizerSetup;
    }
  }
  class Plain extends TinyAutoEncoder {
    override configureOptimizers(): OptimizerSetup {
      return { optimizer: new Adam(this.parameters(), { lr: 0.5 }) };
    }
  }
  const trainer = new Trainer({ ...QUIET, maxEpochs: 1 });
  await trainer.fit(new Plain(), data());
  expect(trainer.learningRates).toEqual([0.5]);
  const error = await refusal(new Trainer({ ...QUIET, maxEpochs: 1 }).fit(new NoOptimizer(), data()));
  expect(error.message).toBe("NoOptimizer.configureOptimizers gave no optimizer");
});
