import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import { TensorDataset } from "../../src/data/dataset.js";
import type { EngineName } from "../../src/engine/executor.js";
import { ReLU } from "../../src/nn/activation.js";
import { BatchNorm1d } from "../../src/nn/batchNorm.js";
import { Sequential } from "../../src/nn/container.js";
import { Linear } from "../../src/nn/linear.js";
import { Module } from "../../src/nn/module.js";
import { Adam } from "../../src/optim/adam.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { seedEverything } from "../../src/tensor/seed.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { QUIET, weightsOf } from "./tinyRun.js";

/** What goes wrong once a batch of large numbers comes. */
type Fault = "none" | "forward" | "backward" | "loss" | "batch";

/** exp of a large number is infinite. */
class Exponential extends Module {
  forward(x: Tensor): Tensor {
    return tf.exp(x);
  }
}

/** The root of 0 is finite, and its derivative is not: beyond 500. */
class Root extends Module {
  forward(x: Tensor): Tensor {
    return tf.sqrt(tf.relu(tf.sub(500, x)));
  }
}

class Fragile extends LightningModule<readonly [Tensor]> {
  readonly encoder: Sequential;
  readonly norm = new BatchNorm1d(2);
  readonly decoder = new Linear(2, 2);
  readonly #fault: Fault;
  constructor(fault: Fault, isManual: boolean) {
    super();
    this.#fault = fault;
    this.automaticOptimization = !isManual;
    const first = new Linear(2, 2, { bias: false });
    first.weight.write(float32Tensor(Float32Array.of(1, 0, 0, 1), [2, 2]));
    const last = fault === "forward" ? new Exponential() : fault === "backward" ? new Root() : new ReLU();
    this.encoder = new Sequential(first, new ReLU(), last);
  }
  trainingStep([x]: readonly [Tensor]): Tensor {
    const error = tf.sub(this.decoder.forward(this.encoder.forward(x)), this.norm.forward(x));
    const room = this.#fault === "loss" ? tf.relu(tf.sub(500, tf.mean(x))) : tf.scalar(1);
    const loss = tf.div(tf.mean(tf.square(error)), room);
    if (!this.automaticOptimization) {
      const [optimizer] = this.optimizers();
      optimizer.zeroGrad();
      this.manualBackward(loss);
      optimizer.step();
    }
    return loss;
  }
  configureOptimizers(): OptimizerSetup {
    return new Adam(this.parameters(), { lr: 0.01 });
  }
}

/** Three batches of ordinary numbers, and one of large ones. */
class LargeAtLast extends LightningDataModule {
  readonly #last: number;
  constructor(last: number) {
    super();
    this.#last = last;
  }
  trainDataloader(): DataLoader {
    const rows = Float32Array.from({ length: 16 }, (_, i) => (i < 12 ? 1 + i / 16 : this.#last));
    return new DataLoader(new TensorDataset(float32Tensor(rows, [8, 2])), { batchSize: 2 });
  }
}

interface Outcome {
  readonly message: string;
  readonly step: number;
  readonly weights: Readonly<Record<string, number[]>>;
}

async function train(fault: Fault, engine: EngineName, isManual = false, detectAnomaly = true): Promise<Outcome> {
  seedEverything(1);
  const module = new Fragile(fault, isManual);
  const trainer = new Trainer({ ...QUIET, engine, maxEpochs: 1, detectAnomaly });
  const data = new LargeAtLast(fault === "batch" ? Number.NaN : 600);
  const message = await trainer.fit(module, data).then(
    () => "",
    (error: unknown) => (error as Error).message,
  );
  return { message, step: trainer.globalStep, weights: await weightsOf(module) };
}

const ENGINES = ["onnxruntime", "tfjs"] as const;

/** exp(600) and 1 / 0 are infinite; the derivative of the root of x is 1 / (2 * 0) at 0. */
const PLACES: readonly (readonly [Fault, string])[] = [
  ["forward", "NaN or infinity in the forward pass of encoder.2, at step 3 (epoch 0, batch 3)"],
  ["backward", "NaN or infinity in the backward pass of encoder.2, at step 3 (epoch 0, batch 3)"],
  ["loss", "NaN or infinity in the forward pass of the loss, at step 3 (epoch 0, batch 3)"],
  ["batch", "NaN or infinity in the forward pass of the batch, at step 3 (epoch 0, batch 3)"],
];

test.each(ENGINES.flatMap((engine) => PLACES.map(([fault, told]) => [engine, fault, told] as const)))(
  "detect_anomaly on %s names where the first number comes from that is not finite: %s",
  async (engine, fault, told) => {
    const { message, step, weights } = await train(fault, engine);
    expect(message).toBe(told);
    expect(step).toBe(3);
    // The step that met it has changed nothing, the running statistics of the batch norm included.
    for (const values of Object.values(weights)) expect(values.every(Number.isFinite)).toBe(true);
  },
);

test.each(ENGINES)("a module that optimizes by hand is looked at too, on %s", async (engine) => {
  const { message } = await train("forward", engine, true);
  expect(message).toBe(PLACES[0]?.[1]);
});

test("a run without anomalies trains the same weights as without detect_anomaly", async () => {
  const watched = await train("none", "onnxruntime");
  const other = await train("none", "onnxruntime", false, false);
  expect([watched.message, watched.step]).toEqual(["", 4]);
  expect(watched.weights).toEqual(other.weights);
});

test("without detect_anomaly the run goes on, and its weights are lost", async () => {
  const { message, step, weights } = await train("forward", "onnxruntime", false, false);
  expect([message, step]).toEqual(["", 4]);
  expect(Object.values(weights).flat().some(Number.isNaN)).toBe(true);
});
