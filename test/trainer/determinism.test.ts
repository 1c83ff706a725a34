import { join } from "node:path";
import { Dropout } from "../../src/nn/dropout.js";
import type { Executor } from "../../src/engine/executor.js";
import { seedEverything } from "../../src/tensor/seed.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { checkDeterminism } from "../../src/trainer/determinism.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { fixtureRows, inTemporaryFolder, Losses, Rows, SaveAtBatches, TinyAutoEncoder, weightsOf } from "./tinyRun.js";

/** The fixtures' autoencoder over rows of which some numbers are left out at random. */
class Masked extends TinyAutoEncoder {
  readonly dropout = new Dropout(0.2);
  override trainingStep([x]: readonly [Tensor]): Tensor {
    return super.trainingStep([this.dropout.forward(x)]);
  }
}

interface Ran {
  readonly losses: readonly number[];
  readonly weights: Record<string, number[]>;
}

/** Two epochs of the 22 shuffled rows in batches of 8, the last of 6, on the default engine. */
async function run(
  seed: number,
  folder: string,
  save: readonly number[],
  ckptPath: string | null = null,
  numWorkers = 0,
): Promise<Ran> {
  seedEverything(seed);
  const module = new Masked();
  const losses = new Losses();
  const trainer = new Trainer({
    maxEpochs: 2,
    logger: false,
    accelerator: "cpu",
    deterministic: true,
    defaultRootDir: folder,
    callbacks: [losses, new SaveAtBatches(folder, save)],
  });
  await trainer.fit(module, new Rows(fixtureRows(22), { batchSize: 8, shuffle: true, numWorkers }), { ckptPath });
  return { losses: losses.losses, weights: await weightsOf(module) };
}

test("with shuffling and dropout, N steps, a resume and N steps are 2N steps, and again are the same, bit for bit", async () => {
  await inTemporaryFolder(async (folder) => {
    const batches = [1, 2, 3, 4, 5, 6];
    const whole = await run(42, folder, batches);
    expect(await run(42, folder, [])).toEqual(whole);
    for (const batch of batches) {
      const rest = await run(batch, folder, [], join(folder, `batch${batch}.ckpt`));
      expect([batch, rest.losses]).toEqual([batch, whole.losses.slice(batch)]);
      expect([batch, rest.weights]).toEqual([batch, whole.weights]);
    }
  });
});

test("data workers change no bit, neither in a run of its own nor in one that goes on with them or without them", async () => {
  await inTemporaryFolder(async (folder) => {
    const whole = await run(42, folder, []);
    expect(await run(42, folder, [2, 3], null, 2)).toEqual(whole);
    for (const [batch, numWorkers] of [
      [2, 2],
      [3, 2],
      [2, 0],
    ] as const) {
      const rest = await run(batch, folder, [], join(folder, `batch${batch}.ckpt`), numWorkers);
      expect([batch, rest]).toEqual([batch, { losses: whole.losses.slice(batch), weights: whole.weights }]);
    }
  });
});

test("deterministic refuses a device whose bits nobody vouches for, or only says so", () => {
  const gpu = { engine: "onnxruntime", device: "NVIDIA H200" } as Executor;
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
  };
  expect(() => {
    checkDeterminism(gpu, true, warn);
  }).toThrow("trainer.deterministic is true, and onnxruntime on NVIDIA H200 may give other bits");
  checkDeterminism(gpu, "warn", warn);
  checkDeterminism(gpu, false, warn);
  checkDeterminism({ ...gpu, device: "cpu" }, true, warn);
  expect(warnings).toEqual(["onnxruntime on NVIDIA H200 may give other bits from run to run"]);
});
