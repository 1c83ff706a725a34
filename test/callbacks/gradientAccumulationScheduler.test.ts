import { readFileSync } from "node:fs";
import { join } from "node:path";
import { GradientAccumulationScheduler } from "../../src/callbacks/gradientAccumulationScheduler.js";
import { LambdaCallback } from "../../src/callbacks/lambdaCallback.js";
import type { Callback } from "../../src/core/callback.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import { Linear } from "../../src/nn/linear.js";
import { SGD } from "../../src/optim/sgd.js";
import { float32Tensor, float32Values } from "../../src/storage/hostTensor.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { inTemporaryFolder, Rows, SaveAtBatches } from "../trainer/tinyRun.js";
import { fakeTrainer } from "./fakeTrainer.js";

interface Fit {
  readonly scheduling: Readonly<Record<number, number>>;
  readonly batches: readonly { readonly global_step: number; readonly weight: number; readonly bias: number }[];
}
const truth = JSON.parse(
  readFileSync(new URL("../fixtures/callbacks/accumulationAndTime.json", import.meta.url), "utf8"),
) as { readonly x: readonly (readonly number[])[]; readonly fits: readonly Fit[] };

class Line extends LightningModule<readonly [Tensor]> {
  readonly layer = new Linear(1, 1);

  constructor() {
    super();
    this.layer.weight.write(float32Tensor(Float32Array.of(0.5), [1, 1]));
    this.layer.bias?.write(float32Tensor(Float32Array.of(-0.25), [1]));
  }
  trainingStep([x]: readonly [Tensor]): Tensor {
    return tf.mean(tf.square(tf.sub(this.layer.forward(x), tf.mul(x, 3))));
  }
  configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.05, momentum: 0.5 });
  }
}

/** Train with `callbacks`; gives what the fixture has, for every batch. */
async function train(
  folder: string,
  callbacks: readonly Callback[],
  options: { engine?: "tfjs" | "onnxruntime"; maxEpochs?: number; ckptPath?: string } = {},
): Promise<Fit["batches"]> {
  const batches: Fit["batches"][number][] = [];
  const watch = new LambdaCallback({
    onTrainBatchEnd: async (trainer, module) => {
      const values: number[] = [];
      for (const parameter of module.parameters()) {
        values.push(float32Values(await trainer.executor.read(parameter))[0] ?? NaN);
      }
      const [weight = NaN, bias = NaN] = values;
      batches.push({ global_step: trainer.globalStep, weight, bias });
    },
  });
  const trainer = new Trainer({
    maxEpochs: options.maxEpochs ?? 4,
    callbacks: [...callbacks, watch],
    logger: false,
    defaultRootDir: folder,
    engine: options.engine ?? "tfjs",
  });
  const data = new Rows(float32Tensor(Float32Array.from(truth.x.flat()), [truth.x.length, 1]), { batchSize: 1 });
  await trainer.fit(new Line(), data, { ckptPath: options.ckptPath ?? null });
  return batches;
}

function expectClose(batches: Fit["batches"], expected: Fit["batches"]): void {
  expect(batches.map(({ global_step }) => global_step)).toEqual(expected.map(({ global_step }) => global_step));
  for (const [i, batch] of batches.entries()) {
    expect(batch.weight).toBeCloseTo(expected[i]?.weight ?? NaN, 5);
    expect(batch.bias).toBeCloseTo(expected[i]?.bias ?? NaN, 5);
  }
}

test.each(truth.fits)("steps and weights are Lightning's: $scheduling", async ({ scheduling, batches }) => {
  await inTemporaryFolder(async (folder) => {
    expectClose(await train(folder, [new GradientAccumulationScheduler({ scheduling })]), batches);
  });
});

test("a captured step follows the schedule", async () => {
  const { scheduling, batches } = truth.fits[2] ?? { scheduling: {}, batches: [] };
  await inTemporaryFolder(async (folder) => {
    const callbacks = [new GradientAccumulationScheduler({ scheduling })];
    expectClose(await train(folder, callbacks, { engine: "onnxruntime" }), batches);
  });
});

test("a run that goes on inside a window and an epoch goes on with that epoch's number of batches", async () => {
  const { scheduling, batches } = truth.fits[1] ?? { scheduling: {}, batches: [] };
  await inTemporaryFolder(async (folder) => {
    await train(folder, [new GradientAccumulationScheduler({ scheduling }), new SaveAtBatches(folder, [12])]);
    const rest = await train(folder, [new GradientAccumulationScheduler({ scheduling })], {
      ckptPath: join(folder, "batch12.ckpt"),
    });
    expectClose(rest, batches.slice(12));
  });
});

test.each([
  [{}, "scheduling is empty"],
  [{ "-1": 2 }, "an epoch must be 0 or more, got -1"],
  [{ "1.5": 2 }, "an epoch must be 0 or more, got 1.5"],
  [{ 0: 0 }, "the number of batches must be 1 or more, got 0 for epoch 0"],
  [{ 2: 1.5 }, "the number of batches must be 1 or more, got 1.5 for epoch 2"],
])("refuses %j", (scheduling, message) => {
  expect(() => new GradientAccumulationScheduler({ scheduling })).toThrow(`GradientAccumulationScheduler: ${message}`);
});

test("with accumulate_grad_batches it is one too many, and optimization by hand has no use for it", () => {
  const callback = new GradientAccumulationScheduler({ scheduling: { 1: 2 } });
  const module = new Line();
  expect(() => {
    callback.onTrainStart(fakeTrainer({ accumulateGradBatches: 4 }), module);
  }).toThrow("GradientAccumulationScheduler: trainer.accumulate_grad_batches is 4, and both cannot be");
  module.automaticOptimization = false;
  expect(() => {
    callback.onTrainStart(fakeTrainer(), module);
  }).toThrow("GradientAccumulationScheduler: the module optimizes by hand, and steps when it likes");
});

test("a LambdaCallback's functions are hooks like any other, and it has no state", async () => {
  const seen: string[] = [];
  const callback = new LambdaCallback({
    setup: (_trainer, _module, stage) => void seen.push(`setup ${stage}`),
    onTrainStart: (trainer) => void seen.push(`start at ${trainer.globalStep}`),
    onTrainEpochEnd: (trainer) => void seen.push(`epoch ${trainer.currentEpoch}`),
    teardown: () => void seen.push("teardown"),
  });
  expect(callback.stateDict()).toBeNull();
  await inTemporaryFolder(async (folder) => {
    await train(folder, [callback], { maxEpochs: 2 });
  });
  expect(seen).toEqual(["setup fit", "start at 0", "epoch 0", "epoch 1", "teardown"]);
});
