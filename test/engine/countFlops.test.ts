import { readFileSync } from "node:fs";
import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import { TensorDataset } from "../../src/data/dataset.js";
import { LitAutoEncoder } from "../../src/demos/litAutoEncoder.js";
import { LitClassifier } from "../../src/demos/litClassifier.js";
import { LitCNN } from "../../src/demos/litCNN.js";
import { formatFlops } from "../../src/cli/units.js";
import { countFlops } from "../../src/engine/countFlops.js";
import { Sequential } from "../../src/nn/container.js";
import { Conv2d } from "../../src/nn/conv.js";
import { Flatten } from "../../src/nn/flatten.js";
import { crossEntropy } from "../../src/nn/functional.js";
import { Linear } from "../../src/nn/linear.js";
import { ReLU } from "../../src/nn/activation.js";
import { SGD } from "../../src/optim/sgd.js";
import { float32Tensor, zerosTensor } from "../../src/storage/hostTensor.js";
import { tf } from "../../src/tensor/tf.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";

const truth = JSON.parse(readFileSync(new URL("../fixtures/engine/flops.json", import.meta.url), "utf8")) as Record<
  string,
  { readonly flops: number }
>;

abstract class Classifies extends LightningModule<readonly [Tensor, Tensor]> {
  override trainingStep([x, y]: readonly [Tensor, Tensor]): Tensor {
    return crossEntropy(this.forward(x), y);
  }
  override configureOptimizers(): OptimizerSetup {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
  abstract forward(x: Tensor): Tensor;
}

class Strided extends Classifies {
  readonly net = new Sequential(
    new Conv2d(3, 8, 3, { stride: 2, padding: 1 }),
    new ReLU(),
    new Conv2d(8, 8, 3, { padding: 1 }),
    new Flatten(),
    new Linear(8 * 8 * 8, 10),
  );
  override forward(x: Tensor): Tensor {
    return this.net.forward(x);
  }
}

/** Two heads over 6 places, written out, as in the fixture's script. */
class Attention extends Classifies {
  readonly qkv = new Linear(16, 48);
  readonly out = new Linear(16, 10);

  override forward(x: Tensor): Tensor {
    const [n = 0, t = 0] = x.shape;
    const heads = tf
      .split(this.qkv.forward(x), 3, 2)
      .map((part) => tf.transpose(tf.reshape(part, [n, t, 2, 8]), [0, 2, 1, 3]));
    const [q, k, v] = heads as [Tensor, Tensor, Tensor];
    const weights = tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(8)));
    return tf.mean(this.out.forward(tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [n, t, 16])), 1);
  }
}

class OneBatch extends LightningDataModule {
  readonly #shape: readonly number[];

  constructor(...shape: readonly number[]) {
    super();
    this.#shape = shape;
  }
  override trainDataloader(): DataLoader {
    const [n = 0] = this.#shape;
    const numel = this.#shape.reduce((product, size) => product * size, 1);
    const x = float32Tensor(
      Float32Array.from({ length: numel }, (_, i) => (i % 7) / 7),
      this.#shape,
    );
    const y = zerosTensor("int64", [n]);
    return new DataLoader(new TensorDataset(x, y), { batchSize: n });
  }
}

const STEPS: Readonly<Record<string, () => readonly [LightningModule, OneBatch]>> = {
  "autoencoder, 32 images": () => [new LitAutoEncoder({}), new OneBatch(32, 784)],
  "classifier, 32 images": () => [new LitClassifier({}), new OneBatch(32, 784)],
  "cnn, 4 images": () => [new LitCNN({}), new OneBatch(4, 1, 28, 28)],
  "strided and padded convolutions, 4 images": () => [new Strided(), new OneBatch(4, 3, 16, 16)],
  "attention, 4 sequences": () => [new Attention(), new OneBatch(4, 6, 16)],
};

test.each(Object.keys(STEPS))(
  "a training step has the FLOPs that torch.utils.flop_counter counts: %s",
  async (name) => {
    const [module, datamodule] = STEPS[name]?.() ?? [];
    if (module === undefined || datamodule === undefined) throw new Error("no such step");
    const counted: number[] = [];
    const trainer = new Trainer({
      maxSteps: 1,
      logger: false,
      enableCheckpointing: false,
      engine: "onnxruntime",
      accelerator: "cpu",
      onCompile: ({ graph }) => counted.push(countFlops(graph)),
    });
    await trainer.fit(module, datamodule);
    expect(counted).toEqual([truth[name]?.flops]);
  },
);

test.each([
  [0, "0 FLOPs"],
  [999, "999 FLOPs"],
  [16_130_048, "16.1 MFLOPs"],
  [999_600, "1 MFLOPs"],
])("%d operations are written %s", (flops, text) => {
  expect(formatFlops(flops)).toBe(text);
});
