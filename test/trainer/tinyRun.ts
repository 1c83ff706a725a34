import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { Callback } from "../../src/core/callback.js";
import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { StepResult, TrainerState } from "../../src/core/trainerState.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import { TensorDataset } from "../../src/data/dataset.js";
import { Sequential } from "../../src/nn/container.js";
import { ReLU } from "../../src/nn/activation.js";
import { Linear } from "../../src/nn/linear.js";
import type { Module } from "../../src/nn/module.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import type { Trainer } from "../../src/trainer/trainer.js";
import { optimizerOf, scheduleOf, type Arguments } from "../optim/build.js";

/** The part of a `run.json` that says what was trained. */
export interface RunConfig {
  readonly optimizer: string;
  readonly optimizer_args: Arguments;
  readonly scheduler: string | null;
  readonly scheduler_args: Arguments | null;
  readonly interval?: "step" | "epoch";
  readonly frequency?: number;
  readonly monitor?: string;
  readonly epochs: number;
  readonly batch_size: number;
  readonly n_samples: number;
  readonly shuffle: boolean;
  readonly seed?: number;
  readonly accumulate_grad_batches?: number;
  readonly gradient_clip_val?: number;
  readonly gradient_clip_algorithm?: "norm" | "value";
}

/** Path of a fixture of a real training run. */
export function trained(file: string): string {
  return fileURLToPath(new URL(`../fixtures/trained/${file}`, import.meta.url));
}

/** A run's configuration and what torch measured at every step. */
export function readRun(name: string): {
  config: RunConfig;
  steps: { epoch: number; loss: number; lr: number[]; momentum?: number; betas?: [number, number] }[];
  final_weights: Readonly<Record<string, number[]>>;
} {
  return JSON.parse(readFileSync(trained(`${name}/run.json`), "utf8")) as ReturnType<typeof readRun>;
}

/** The first `count` rows of the data that all fixtures were trained on. */
export function fixtureRows(count: number): HostTensor {
  const bytes = readFileSync(trained("data/autoencoder_x.npy"));
  const start = 10 + bytes.readUInt16LE(8); // magic, version, header length, header
  const values = new Float32Array(new Uint8Array(bytes.subarray(start)).buffer);
  if (count * 8 > values.length) throw new Error(`there are ${values.length / 8} rows, not ${count}`);
  return float32Tensor(values.slice(0, count * 8), [count, 8]);
}

/** The autoencoder of the fixtures: Linear(8, 4), ReLU, Linear(4, 8), mean squared error. */
export class TinyAutoEncoder extends LightningModule<readonly [Tensor]> {
  readonly encoder = new Sequential(new Linear(8, 4), new ReLU());
  readonly decoder = new Sequential(new Linear(4, 8));
  readonly #config: RunConfig;

  constructor(config: RunConfig = readRun("mlp-adam-none").config) {
    super();
    this.#config = config;
  }

  trainingStep([x]: readonly [Tensor]): Tensor {
    const loss = this.loss(x);
    this.log("train_loss", loss, { onStep: true, onEpoch: true });
    return loss;
  }

  protected loss(x: Tensor): Tensor {
    return tf.mean(tf.squaredDifference(this.decoder.forward(this.encoder.forward(x)), x));
  }

  configureOptimizers(): OptimizerSetup {
    return setupOf(this.#config, this);
  }
}

/** The optimizer of a run, and its scheduler. */
export function setupOf(config: RunConfig, module: Module): OptimizerSetup {
  const optimizer = optimizerOf(config.optimizer, module.parameters(), config.optimizer_args);
  if (config.scheduler === null) return optimizer;
  const { interval = "epoch", frequency = 1, monitor } = config;
  const scheduler = scheduleOf(optimizer, config.scheduler, config.scheduler_args ?? {});
  return { optimizer, lrScheduler: { scheduler, interval, frequency, ...(monitor !== undefined && { monitor }) } };
}

/** The same with a validation step. */
export class ValidatedAutoEncoder extends TinyAutoEncoder {
  override validationStep([x]: readonly [Tensor]): void {
    this.log("val_loss", this.loss(x));
  }
}

/** Rows in batches, for training and, if asked, for validation. */
export class Rows extends LightningDataModule {
  readonly #rows: HostTensor;
  readonly #options: {
    readonly batchSize: number;
    readonly shuffle: boolean;
    readonly validate: boolean;
    readonly numWorkers: number;
  };

  constructor(
    rows: HostTensor,
    options: { batchSize: number; shuffle?: boolean; validate?: boolean; numWorkers?: number },
  ) {
    super();
    this.#rows = rows;
    this.#options = { shuffle: false, validate: false, numWorkers: 0, ...options };
  }
  trainDataloader(): DataLoader {
    const { batchSize, shuffle, numWorkers } = this.#options;
    return new DataLoader(new TensorDataset(this.#rows), { batchSize, shuffle, numWorkers });
  }
  override valDataloader(): DataLoader | null {
    if (!this.#options.validate) return null;
    return new DataLoader(new TensorDataset(this.#rows), { batchSize: this.#options.batchSize });
  }
}

/** Notes the loss and the learning rate of every step. */
export class Losses extends Callback {
  readonly losses: number[] = [];
  readonly lrs: number[] = [];
  override wantsOutputs(): boolean {
    return true;
  }
  override onTrainBatchStart(trainer: TrainerState): void {
    this.lrs.push(trainer.learningRates[0] ?? Number.NaN);
  }
  override onTrainBatchEnd(_trainer: TrainerState, _module: LightningModule, outputs: StepResult): void {
    this.losses.push(outputs["loss"] ?? Number.NaN);
  }
}

/** Writes a checkpoint in onTrainBatchEnd after each of the given global steps. */
export class SaveAtSteps extends Callback {
  override readonly order = "last";
  readonly #folder: string;
  readonly #steps: readonly number[];
  constructor(folder: string, steps: readonly number[]) {
    super();
    this.#folder = folder;
    this.#steps = steps;
  }
  override async onTrainBatchEnd(trainer: TrainerState): Promise<void> {
    if (this.#steps.includes(trainer.globalStep)) {
      await trainer.saveCheckpoint(join(this.#folder, `step${trainer.globalStep}.ckpt`));
    }
  }
}

/** The same after each of the given batches, counted over all epochs from 1. */
export class SaveAtBatches extends Callback {
  override readonly order = "last";
  readonly #folder: string;
  readonly #batches: readonly number[];
  #seen = 0;
  constructor(folder: string, batches: readonly number[]) {
    super();
    this.#folder = folder;
    this.#batches = batches;
  }
  override async onTrainBatchEnd(trainer: TrainerState): Promise<void> {
    this.#seen += 1;
    if (this.#batches.includes(this.#seen)) await trainer.saveCheckpoint(join(this.#folder, `batch${this.#seen}.ckpt`));
  }
}

/** Writes a checkpoint at every epoch's end, as ModelCheckpoint does without validation. */
export class SaveAtEpochEnds extends Callback {
  override readonly order = "last";
  readonly #folder: string;
  constructor(folder: string) {
    super();
    this.#folder = folder;
  }
  override async onTrainEpochEnd(trainer: TrainerState): Promise<void> {
    await trainer.saveCheckpoint(join(this.#folder, `epoch${trainer.currentEpoch}.ckpt`));
  }
}

/** The trainer's options in a run's configuration. */
export function trainerOptions(config: RunConfig): TrainerOptions {
  return {
    ...QUIET,
    maxEpochs: config.epochs,
    accumulateGradBatches: config.accumulate_grad_batches ?? 1,
    gradientClipVal: config.gradient_clip_val ?? null,
    gradientClipAlgorithm: config.gradient_clip_algorithm ?? null,
  };
}

/** Put the weights of a checkpoint into a module. */
export async function loadWeights(module: LightningModule, path: string): Promise<void> {
  const { checkpoint, close } = await loadCheckpoint(path);
  const tensors = new Map<string, HostTensor>();
  for (const [name, tensor] of checkpoint.stateDict.tensors) tensors.set(name, await readTensor(tensor));
  module.loadState(tensors, (variable, value) => {
    variable.write(value);
  });
  await close();
}

/** All weights of a module as numbers, by name. */
export async function weightsOf(module: LightningModule): Promise<Record<string, number[]>> {
  const weights: Record<string, number[]> = {};
  for (const [name, variable] of module.state()) {
    const { bytes } = await variable.read();
    weights[name] = [...new Float32Array(bytes.slice().buffer)];
  }
  return weights;
}

/** A folder that is gone when `body` has ended. */
export async function inTemporaryFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "ltrain-trainer-"));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Options of a run that leaves nothing behind. */
export const QUIET = { logger: false, enableCheckpointing: false, engine: "onnxruntime" } as const;

/** Train the fixture run `name`; gives what was measured at every step. */
export async function fitRun(
  trainer: Trainer,
  module: LightningModule,
  config: RunConfig,
  ckptPath: string | null = null,
): Promise<void> {
  const data = new Rows(fixtureRows(config.n_samples), { batchSize: config.batch_size, shuffle: config.shuffle });
  await trainer.fit(module, data, { ckptPath });
}
