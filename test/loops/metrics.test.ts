import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Callback } from "../../src/core/callback.js";
import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { Logger } from "../../src/core/logger.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import { TensorDataset } from "../../src/data/dataset.js";
import { Linear } from "../../src/nn/linear.js";
import { SGD } from "../../src/optim/sgd.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { QUIET } from "../trainer/tinyRun.js";

type Metrics = Record<string, number>;

/** What fixtures/make-metrics.py recorded of real Lightning. */
const LIGHTNING = JSON.parse(
  readFileSync(fileURLToPath(new URL("../fixtures/lightning-metrics.json", import.meta.url)), "utf8"),
) as { rows: [number, Metrics][]; looks: [string, Metrics, Metrics][] };

type RowBatch = readonly [Tensor];

/** The same module as in make-metrics.py. */
class LogsEverything extends LightningModule<RowBatch> {
  readonly layer = new Linear(1, 1);

  override onTrainEpochStart(): void {
    this.log("from_epoch_start", this.trainer?.currentEpoch ?? -1);
  }
  trainingStep([batch]: RowBatch, batchIdx: number): Tensor {
    const mean = tf.mean(batch);
    this.log("plain", mean);
    this.log("epoch_only", mean, { onStep: false, onEpoch: true });
    this.log("both", mean, { onStep: true, onEpoch: true, progBar: true });
    this.log("total", mean, { onStep: false, onEpoch: true, reduceFx: "sum" });
    this.log("largest", mean, { onStep: false, onEpoch: true, reduceFx: "max" });
    this.log("smallest", mean, { onStep: false, onEpoch: true, reduceFx: "min" });
    this.log("weighted", mean, { onStep: false, onEpoch: true, batchSize: batchIdx + 1 });
    this.log("bar_only", mean, { progBar: true, logger: false });
    return tf.mul(tf.mean(this.layer.forward(batch)), 0);
  }
  override onTrainBatchEnd(batchIdx: number): void {
    this.log("from_batch_end", 10 * batchIdx);
  }
  override async onTrainEpochEnd(): Promise<void> {
    await Promise.resolve();
    this.log("from_epoch_end", tf.scalar(7.5));
  }
  override validationStep([batch]: RowBatch): void {
    this.log("val", tf.mean(batch), { progBar: true });
    this.log("val_both", tf.mean(batch), { onStep: true, onEpoch: true });
  }
  override onValidationEpochEnd(): void {
    this.log("from_val_end", 2.5);
  }
  configureOptimizers(): OptimizerSetup {
    return new SGD(this.parameters(), { lr: 0 });
  }
}

class FiveRows extends LightningDataModule {
  trainDataloader(): DataLoader {
    const rows = float32Tensor(Float32Array.of(0.1, 0.7, 1.3, 2.9, 3.3), [5, 1]);
    return new DataLoader(new TensorDataset(rows), { batchSize: 2 });
  }
  override valDataloader(): DataLoader {
    return this.trainDataloader();
  }
}

class KeepsRows implements Logger {
  readonly name = "rows";
  readonly logDir = null;
  readonly rows: [number, Metrics][] = [];
  status = "";
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
    this.status = status;
    return Promise.resolve();
  }
}

class Looks extends Callback {
  readonly looks: [string, Metrics, Metrics][] = [];
  #look(trainer: TrainerState, moment: string): void {
    const { callbackMetrics, progressBarMetrics } = trainer;
    this.looks.push([moment, Object.fromEntries(callbackMetrics), Object.fromEntries(progressBarMetrics)]);
  }
  override onTrainBatchEnd(trainer: TrainerState): void {
    if (trainer.globalStep % trainer.logEveryNSteps === 0) this.#look(trainer, "onTrainBatchEnd");
  }
  override onValidationEnd(trainer: TrainerState): void {
    if (trainer.stage !== "sanityCheck") this.#look(trainer, "onValidationEnd");
  }
  override onTrainEpochEnd(trainer: TrainerState): void {
    this.#look(trainer, "onTrainEpochEnd");
  }
  override onTrainEnd(trainer: TrainerState): void {
    this.#look(trainer, "onTrainEnd");
  }
}

/** What is logged here differs from batch to batch: nothing for a step that is captured. */
const EAGER = { ...QUIET, engine: "tfjs" } as const;

test("loggers get Lightning's rows at Lightning's steps, callbacks and progress bar see Lightning's values", async () => {
  const logger = new KeepsRows();
  const looks = new Looks();
  const options = { ...EAGER, maxEpochs: 3, logEveryNSteps: 2, checkValEveryNEpoch: 2 };
  const trainer = new Trainer({ ...options, logger, callbacks: [looks] });
  const { callbackMetrics } = await trainer.fit(new LogsEverything(), new FiveRows());

  expect(logger.rows).toEqual(LIGHTNING.rows);
  expect(looks.looks).toEqual(LIGHTNING.looks);
  expect(Object.fromEntries(callbackMetrics)).toEqual(LIGHTNING.looks.at(-1)?.[1]);
  expect(logger.status).toBe("success");
});

test("a metric logged with other options from the same place is refused", async () => {
  class Undecided extends LogsEverything {
    override onTrainBatchStart(batchIdx: number): void {
      this.log("undecided", 1, { progBar: batchIdx > 0 });
    }
  }
  const fit = new Trainer({ ...EAGER, maxEpochs: 1 }).fit(new Undecided(), new FiveRows());
  await expect(fit).rejects.toThrow('log("undecided") was called with progBar false and then with progBar true');
});
