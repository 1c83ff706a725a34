import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import { TensorDataset } from "../../src/data/dataset.js";
import { BatchNorm1d } from "../../src/nn/batchNorm.js";
import { ReLU } from "../../src/nn/activation.js";
import { Sequential } from "../../src/nn/container.js";
import { crossEntropy } from "../../src/nn/functional.js";
import { Linear } from "../../src/nn/linear.js";
import { SGD } from "../../src/optim/sgd.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { hostNumbers } from "../../src/tensor/cast.js";
import type { Tensor } from "../../src/tensor/tf.js";

export type Numbers = Readonly<Record<string, readonly number[]>>;

/** Path of a file of test/fixtures/finetuning. */
export function pretrainedFile(name: string): string {
  return fileURLToPath(new URL(`../fixtures/finetuning/${name}`, import.meta.url));
}

/** What torch made of pretraining and fine-tuning: see make.py there. */
export const truth = JSON.parse(readFileSync(pretrainedFile("finetuning.json"), "utf8")) as {
  readonly x: readonly (readonly number[])[];
  readonly y: readonly number[];
  readonly pretrained: Numbers;
  readonly runs: readonly {
    readonly frozen: boolean;
    readonly start: Numbers;
    readonly losses: readonly number[];
    readonly end: Numbers;
  }[];
};

/** The network of the fixtures: an encoder that was pretrained, and a head. */
export class Net extends LightningModule<readonly [Tensor, Tensor]> {
  readonly encoder = new Sequential(new Linear(8, 6), new BatchNorm1d(6), new ReLU(), new Linear(6, 4));
  readonly head: Linear;
  constructor({ classes = 2 }: { classes?: number } = {}) {
    super();
    this.head = new Linear(4, classes);
  }
  trainingStep([x, y]: readonly [Tensor, Tensor]): Tensor {
    return crossEntropy(this.head.forward(this.encoder.forward(x)), y);
  }
  configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.1, momentum: 0.9 });
  }
}

/** The 24 examples in batches of 6. */
export class Examples extends LightningDataModule {
  trainDataloader(): DataLoader {
    const x = float32Tensor(Float32Array.from(truth.x.flat()), [24, 8]);
    const y = { dtype: "int64", shape: [24], bytes: new Uint8Array(BigInt64Array.from(truth.y.map(BigInt)).buffer) };
    return new DataLoader(new TensorDataset(x, y as typeof x), { batchSize: 6 });
  }
}

/** All values of a module by name. */
export async function numbersOf(module: LightningModule): Promise<Numbers> {
  const numbers: Record<string, number[]> = {};
  for (const [name, variable] of module.state()) numbers[name] = [...hostNumbers(await variable.read())];
  return numbers;
}
