import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import type { Callback } from "../../src/core/callback.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import { ReLU } from "../../src/nn/activation.js";
import { Sequential } from "../../src/nn/container.js";
import { Linear } from "../../src/nn/linear.js";
import { Module } from "../../src/nn/module.js";
import { Adam } from "../../src/optim/adam.js";
import { toPlain } from "../../src/pickle/convert.js";
import { seedEverything } from "../../src/tensor/seed.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { Trainer } from "../../src/trainer/trainer.js";
import type { RunConfig } from "./tinyRun.js";
import {
  fixtureRows,
  inTemporaryFolder,
  Losses,
  Rows,
  SaveAtBatches,
  TinyAutoEncoder,
  trainerOptions,
  ValidatedAutoEncoder,
  weightsOf,
} from "./tinyRun.js";

/** 10 rows in shuffled batches of 2, three of them a step: five batches an epoch make a full window and a partial one. */
const CONFIG: RunConfig = {
  optimizer: "Adam",
  optimizer_args: { lr: 0.02 },
  scheduler: "StepLR",
  scheduler_args: { step_size: 2, gamma: 0.7 },
  interval: "step",
  epochs: 2,
  batch_size: 2,
  n_samples: 10,
  shuffle: true,
  accumulate_grad_batches: 3,
  gradient_clip_val: 0.3,
};
const BATCHES = 10;

/** Written by Lightning with accumulate_grad_batches=3. */
const LIGHTNINGS = fileURLToPath(new URL("../fixtures/lightning/grad-accumulation-mid-window.ckpt", import.meta.url));

class Coder extends Module {
  readonly l1: Sequential;
  constructor(from: number, to: number) {
    super();
    this.l1 = new Sequential(new Linear(from, 4), new ReLU(), new Linear(4, to));
  }
}

/** The model in it. */
class LightningsModel extends LightningModule<readonly [Tensor]> {
  readonly encoder = new Coder(8, 2);
  readonly decoder = new Coder(2, 8);
  trainingStep([x]: readonly [Tensor]): Tensor {
    return tf.mean(tf.squaredDifference(this.decoder.l1.forward(this.encoder.l1.forward(x)), x));
  }
  configureOptimizers(): OptimizerSetup {
    return new Adam(this.parameters(), { lr: 0.01 });
  }
}

interface Ran {
  readonly losses: readonly number[];
  readonly lrs: readonly number[];
  readonly weights: Record<string, number[]>;
  readonly globalStep: number;
  readonly warnings: readonly string[];
}

async function run(
  seed: number,
  callbacks: Callback[],
  options: TrainerOptions,
  ckpt?: string,
  config = CONFIG,
): Promise<Ran> {
  seedEverything(seed);
  const module = new ValidatedAutoEncoder(config);
  const losses = new Losses();
  const warnings: string[] = [];
  const trainer = new Trainer({
    ...trainerOptions(CONFIG),
    enableCheckpointing: null,
    callbacks: [losses, ...callbacks],
    onWarning: (message) => warnings.push(message),
    ...options,
  });
  const data = new Rows(fixtureRows(CONFIG.n_samples), { batchSize: CONFIG.batch_size, shuffle: true, validate: true });
  await trainer.fit(module, data, { ckptPath: ckpt ?? null });
  const { globalStep } = trainer;
  return { losses: losses.losses, lrs: losses.lrs, weights: await weightsOf(module), globalStep, warnings };
}

test.each(["onnxruntime", "tfjs"] as const)(
  "on %s, resumed after any batch, in mid-window too, a run ends with the unbroken run's weights, bit for bit",
  async (engine) => {
    await inTemporaryFolder(async (folder) => {
      const options = { engine, defaultRootDir: folder };
      const batches = Array.from({ length: BATCHES }, (_, i) => i + 1);
      const whole = await run(42, [new SaveAtBatches(folder, batches)], options);
      expect(whole.globalStep).toBe(4);
      for (const batch of batches) {
        const last = [new SaveAtBatches(folder, [])];
        const rest = await run(batch, last, options, join(folder, `batch${batch}.ckpt`));
        expect([batch, rest.losses]).toEqual([batch, whole.losses.slice(batch)]);
        expect([batch, rest.lrs]).toEqual([batch, whole.lrs.slice(batch)]);
        expect([batch, rest.weights]).toEqual([batch, whole.weights]);
        expect([rest.globalStep, rest.warnings]).toEqual([4, []]);
      }
    });
  },
);

test("in mid-window the loops hold what Lightning's hold", async () => {
  const loopsIn = async (path: string): Promise<unknown> => {
    const { checkpoint, close } = await loadCheckpoint(path);
    await close();
    return toPlain(checkpoint.loops);
  };
  await inTemporaryFolder(async (folder) => {
    // As the fixture: 3 batches a window, 5 an epoch, no scheduler, saved on the second epoch's second batch.
    const saved = [new SaveAtBatches(folder, [7])];
    await run(1, saved, { defaultRootDir: folder, limitValBatches: 0 }, undefined, { ...CONFIG, scheduler: null });
    expect(await loopsIn(join(folder, "batch7.ckpt"))).toEqual(await loopsIn(LIGHTNINGS));
  });
});

test("resumed from Lightning's file in mid-window, a run makes its first step of what is left, and says so", async () => {
  const data = (): Rows => new Rows(fixtureRows(10), { batchSize: 2 });
  const warnings: string[] = [];
  const trainer = new Trainer({ ...trainerOptions(CONFIG), onWarning: (message) => warnings.push(message) });
  await trainer.fit(new LightningsModel(), data(), { ckptPath: LIGHTNINGS });
  expect(trainer.globalStep).toBe(4);
  expect(warnings).toContainEqual(expect.stringContaining("in the middle of an accumulation window"));
});

test("with another window than the checkpoint's, the gradients gathered are left out, and that is told", async () => {
  await inTemporaryFolder(async (folder) => {
    const options = { defaultRootDir: folder };
    await run(1, [new SaveAtBatches(folder, [2])], options);
    const ckpt = join(folder, "batch2.ckpt");
    const rest = await run(1, [new SaveAtBatches(folder, [])], { ...options, accumulateGradBatches: 4 }, ckpt);
    expect(rest.warnings).toEqual([expect.stringContaining("in the middle of an accumulation window")]);
  });
});

test.each(["norm", "value"] as const)("a gradient that is NaN is not clipped to a number, by %s", async (algorithm) => {
  class Diverges extends TinyAutoEncoder {
    override trainingStep([x]: readonly [Tensor]): Tensor {
      return tf.mul(super.trainingStep([x]), Number.NaN);
    }
  }
  for (const engine of ["onnxruntime", "tfjs"] as const) {
    const module = new Diverges();
    const trainer = new Trainer({
      ...trainerOptions(CONFIG),
      engine,
      maxSteps: 1,
      gradientClipVal: 0.1,
      gradientClipAlgorithm: algorithm,
    });
    await trainer.fit(module, new Rows(fixtureRows(4), { batchSize: 4 }));
    for (const values of Object.values(await weightsOf(module))) expect(values.every(Number.isNaN)).toBe(true);
  }
});

test.each<[TrainerOptions, string]>([
  [{ accumulateGradBatches: 0 }, "trainer.accumulate_grad_batches must be a whole number not below 1, got 0"],
  [{ gradientClipVal: -1 }, "trainer.gradient_clip_val must not be negative, got -1"],
])("%o is refused", (options, message) => {
  expect(() => new Trainer(options)).toThrow(message);
});
