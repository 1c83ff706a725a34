import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { LitAutoEncoder } from "../../src/demos/litAutoEncoder.js";
import { LitClassifier } from "../../src/demos/litClassifier.js";
import { MNISTDataModule } from "../../src/demos/mnistDataModule.js";
import type { Batch } from "../../src/data/batch.js";
import type { DataLoader } from "../../src/data/dataLoader.js";
import type { Module } from "../../src/nn/module.js";
import { Adam } from "../../src/optim/adam.js";
import { StepLR } from "../../src/optim/schedules.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import { seedEverything } from "../../src/tensor/generator.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import { fromHost } from "../../src/tensor/transfer.js";

interface Truth {
  readonly autoencoder: { readonly weights: Record<string, string>; readonly loss: number };
  readonly classifier: { readonly weights: Record<string, string>; readonly loss: number; readonly acc: number };
  readonly mnist: {
    readonly labels: readonly number[];
    readonly last_train_label: number;
    readonly first_val_label: number;
    readonly first_images_sha256: string;
    readonly first_batch_shuffled: { readonly images_sha256: string; readonly labels: readonly number[] };
  };
}
const truth = JSON.parse(
  readFileSync(new URL("../fixtures/demos/demos.json", import.meta.url), "utf8"),
) as unknown as Truth;

const digest = (tensor: HostTensor): string => createHash("sha256").update(tensor.bytes).digest("hex");
const labelsOf = (tensor: HostTensor): number[] =>
  [...new BigInt64Array(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength / 8)].map(Number);

async function weightsOf(module: Module): Promise<Record<string, string>> {
  const entries = [...module.state()].map(async ([name, variable]) => [name, digest(await variable.read())] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function firstBatch(loader: DataLoader | null): Promise<readonly [HostTensor, HostTensor]> {
  const next = await loader?.iterate().next();
  if (next === undefined || next.done === true) throw new Error("no batch");
  return next.value as readonly [Batch, Batch] as readonly [HostTensor, HostTensor];
}

/** What a module logs while `body` runs, read to numbers. */
async function logged(module: LitAutoEncoder | LitClassifier, body: () => void): Promise<Record<string, number>> {
  const values = new Map<string, Tensor>();
  module.withLogSink((name, value) => values.set(name, value as Tensor), body);
  const entries = [...values].map(async ([name, value]) => [name, (await value.data())[0] ?? NaN] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function eightImages(): Promise<readonly [Tensor, Tensor]> {
  const data = new MNISTDataModule({ batch_size: 8, shuffle: false });
  await data.setup("fit");
  const [images, labels] = await firstBatch(data.trainDataloader());
  expect(digest(images)).toBe(truth.mnist.first_images_sha256);
  expect(labelsOf(labels)).toEqual(truth.mnist.labels);
  return [fromHost(images), fromHost(labels)];
}

test("the autoencoder begins with torch's weights after the same seed, and finds torch's loss", async () => {
  seedEverything(42);
  const module = new LitAutoEncoder();
  expect(await weightsOf(module)).toEqual(truth.autoencoder.weights);
  const [x, y] = await eightImages();
  const { train_loss: loss } = await logged(module, () => module.trainingStep([x, y]));
  expect(Math.abs((loss ?? NaN) - truth.autoencoder.loss)).toBeLessThan(1e-6);
  const { val_loss: alone } = await logged(module, () => {
    module.validationStep(x);
  });
  expect(alone).toBe(loss);
});

test("the classifier begins with torch's weights after the same seed, and finds torch's loss and accuracy", async () => {
  seedEverything(42);
  const module = new LitClassifier();
  expect(await weightsOf(module)).toEqual(truth.classifier.weights);
  const batch = await eightImages();
  const { val_loss: loss, val_acc: acc } = await logged(module, () => {
    module.validationStep(batch);
  });
  expect(Math.abs((loss ?? NaN) - truth.classifier.loss)).toBeLessThan(1e-6);
  expect(acc).toBe(truth.classifier.acc);
  tf.disposeVariables();
});

test("hyperparameters are the arguments with their defaults, and none that was not meant", () => {
  expect(new LitAutoEncoder({ hidden: 16 }).hparams).toEqual({ hidden: 16, latent: 3, lr: 1e-3, in_features: 784 });
  expect(new LitAutoEncoder({ step_size: 2, gamma: 0.5 }).hparams).toMatchObject({ step_size: 2, gamma: 0.5 });
  expect(new LitClassifier({ hidden: [32, 16] }).hparams).toEqual({
    in_features: 784,
    hidden: [32, 16],
    num_classes: 10,
    lr: 1e-3,
  });
});

test("the optimizer is Adam, with a StepLR behind it when a step size is given", () => {
  expect(new LitAutoEncoder({ lr: 0.5 }).configureOptimizers()).toBeInstanceOf(Adam);
  const setup = new LitClassifier({ hidden: 8, step_size: 3 }).configureOptimizers();
  expect("lrScheduler" in setup && setup.lrScheduler).toBeInstanceOf(StepLR);
});

test("a classifier of several hidden layers has torch's keys", () => {
  expect([...new LitClassifier({ hidden: [4, 3] }).state().keys()]).toEqual(
    [0, 2, 4].flatMap((layer) => [`layers.${layer}.weight`, `layers.${layer}.bias`]),
  );
});

test("the first shuffled batch of MNIST after seed 42 is torch's", async () => {
  const data = new MNISTDataModule();
  await data.setup("fit");
  seedEverything(42);
  const [images, labels] = await firstBatch(data.trainDataloader());
  expect(labelsOf(labels)).toEqual(truth.mnist.first_batch_shuffled.labels);
  expect(digest(images)).toBe(truth.mnist.first_batch_shuffled.images_sha256);
});
