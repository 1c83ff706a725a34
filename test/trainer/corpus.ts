import { existsSync, readdirSync } from "node:fs";
import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import { LightningModule, type OptimizerSetup } from "../../src/core/lightningModule.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import { TensorDataset } from "../../src/data/dataset.js";
import { readNpy } from "../../src/data/npy.js";
import { Callback } from "../../src/core/callback.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { Cnn, Gpt } from "../nn/models.js";
import { fixtureSource } from "../tensor/fixture.js";
import { setupOf, TinyAutoEncoder, trained, ValidatedAutoEncoder, type RunConfig } from "./tinyRun.js";

/** The runs that are there, by their folder. */
export function corpusRuns(): string[] {
  return readdirSync(trained("")).filter((name) => existsSync(trained(`${name}/run.json`)));
}

class CnnRun extends LightningModule<readonly [Tensor, Tensor]> {
  readonly net: Cnn["net"];
  readonly #model = new Cnn();
  readonly #config: RunConfig;
  constructor(config: RunConfig) {
    super();
    this.net = this.#model.net;
    this.#config = config;
  }
  trainingStep([x, y]: readonly [Tensor, Tensor]): Tensor {
    return this.#model.loss(x, y);
  }
  configureOptimizers(): OptimizerSetup {
    return setupOf(this.#config, this);
  }
}

class GptRun extends LightningModule<readonly [Tensor]> {
  readonly wte: Gpt["wte"];
  readonly wpe: Gpt["wpe"];
  readonly blocks: Gpt["blocks"];
  readonly ln_f: Gpt["ln_f"];
  readonly head: Gpt["head"];
  readonly #model = new Gpt();
  readonly #config: RunConfig;
  constructor(config: RunConfig) {
    super();
    const { wte, wpe, blocks, ln_f: norm, head } = this.#model;
    this.wte = wte;
    this.wpe = wpe;
    this.blocks = blocks;
    this.ln_f = norm;
    this.head = head;
    this.#config = config;
  }
  trainingStep([tokens]: readonly [Tensor]): Tensor {
    return this.#model.loss(tokens);
  }
  configureOptimizers(): OptimizerSetup {
    return setupOf(this.#config, this);
  }
}

class Rows extends LightningDataModule {
  readonly #tensors: readonly HostTensor[];
  readonly #config: RunConfig;
  constructor(tensors: readonly HostTensor[], config: RunConfig) {
    super();
    this.#tensors = tensors;
    this.#config = config;
  }
  trainDataloader(): DataLoader {
    const { batch_size: batchSize, shuffle } = this.#config;
    return new DataLoader(new TensorDataset(...this.#tensors), { batchSize, shuffle });
  }
  override valDataloader(): DataLoader {
    return new DataLoader(new TensorDataset(...this.#tensors), { batchSize: this.#config.batch_size });
  }
}

/** The module of a run, told by the names of its weights, and its data. */
export async function corpusRun(
  config: RunConfig,
  weights: readonly string[],
): Promise<{ readonly module: LightningModule; readonly data: LightningDataModule }> {
  const npy = (name: string): Promise<HostTensor> => readNpy(fixtureSource(`trained/data/${name}.npy`), `${name}.npy`);
  const rows = ({ dtype, shape, bytes }: HostTensor): HostTensor => {
    const [all = 1, ...rest] = shape;
    const size = (bytes.byteLength / all) * config.n_samples;
    return { dtype, shape: [config.n_samples, ...rest], bytes: bytes.slice(0, size) };
  };
  if (weights.some((name) => name.startsWith("net."))) {
    const tensors = [rows(await npy("images_x")), rows(await npy("images_y"))];
    return { module: new CnnRun(config), data: new Rows(tensors, config) };
  }
  if (weights.some((name) => name.startsWith("blocks."))) {
    // Example i is tokens 9·i to 9·i + 8.
    const { dtype, bytes } = await npy("tokens");
    const grid = { dtype, shape: [32, 9], bytes: bytes.slice(0, (bytes.byteLength / 289) * 288) };
    return { module: new GptRun(config), data: new Rows([rows(grid)], config) };
  }
  const Model = config.monitor === undefined ? TinyAutoEncoder : ValidatedAutoEncoder;
  return { module: new Model(config), data: new Rows([rows(await npy("autoencoder_x"))], config) };
}

/** What the optimizer's first group has at every step, and the losses. */
export class StepNotes extends Callback {
  readonly losses: number[] = [];
  readonly lrs: number[][] = [];
  override wantsOutputs(): boolean {
    return true;
  }
  override onTrainBatchStart(trainer: TrainerState): void {
    this.lrs.push([...trainer.learningRates]);
  }
  override onTrainBatchEnd(_trainer: TrainerState, _module: unknown, outputs: Readonly<Record<string, number>>): void {
    this.losses.push(outputs["loss"] ?? Number.NaN);
  }
}
