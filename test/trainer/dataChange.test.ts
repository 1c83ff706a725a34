import { createHash } from "node:crypto";
import { join } from "node:path";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import type { ItemDataset } from "../../src/data/dataset.js";
import { datasetFingerprint } from "../../src/data/datasetFingerprint.js";
import { TensorDataset } from "../../src/data/dataset.js";
import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import { PyDict } from "../../src/pickle/values.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { defaultGenerator } from "../../src/tensor/generator.js";
import { seedEverything } from "../../src/tensor/seed.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { fixtureRows, inTemporaryFolder, QUIET, SaveAtSteps, TinyAutoEncoder } from "./tinyRun.js";

/** Batches of 4 out of 10 rows: three steps an epoch. */
class Data extends LightningDataModule {
  readonly #rows: HostTensor;
  readonly #options: { readonly batchSize?: number; readonly shuffle?: boolean };
  constructor(rows: HostTensor, options: { readonly batchSize?: number; readonly shuffle?: boolean } = {}) {
    super();
    this.#rows = rows;
    this.#options = options;
  }
  trainDataloader(): DataLoader {
    return new DataLoader(new TensorDataset(this.#rows), { batchSize: 4, shuffle: true, ...this.#options });
  }
}

const ROWS = fixtureRows(10);
/** The same rows, the last of them a little different. */
function changedRows(): HostTensor {
  const values = new Float32Array(ROWS.bytes.slice().buffer);
  values[79] = (values[79] ?? 0) + 1;
  return float32Tensor(values, [10, 8]);
}

async function fit(data: Data, folder: string, from: number | null, allowDataChange = false): Promise<string[]> {
  seedEverything(5);
  const warnings: string[] = [];
  const trainer = new Trainer({
    ...QUIET,
    maxEpochs: 3,
    defaultRootDir: folder,
    enableCheckpointing: null,
    callbacks: [new SaveAtSteps(folder, [2, 3, 6, 8, 9])],
    onWarning: (message) => warnings.push(message),
  });
  const ckptPath = from === null ? null : join(folder, `step${from}.ckpt`);
  await trainer.fit(new TinyAutoEncoder(), data, { ckptPath, allowDataChange });
  return warnings;
}

async function consumedAt(folder: string, step: number): Promise<PyDict> {
  const { checkpoint, close } = await loadCheckpoint(join(folder, `step${step}.ckpt`));
  await close();
  const data = checkpoint.ltrain?.get("data");
  const consumed = data instanceof PyDict ? data.get("consumed") : null;
  if (!(consumed instanceof PyDict)) throw new Error("there is no hash of consumed samples");
  return consumed;
}

test("the rolling hash is SHA-256 over the hash before the pass and the indices of its examples", async () => {
  await inTemporaryFolder(async (folder) => {
    await fit(new Data(ROWS, { shuffle: false }), folder, null);
    const hashOf = (before: string, indices: readonly number[]): string =>
      createHash("sha256")
        .update(Buffer.from(before, "hex"))
        .update(Buffer.from(Int32Array.from(indices).buffer))
        .digest("hex");
    const start = "0".repeat(64);
    const whole = hashOf(start, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(Object.fromEntries(await consumedAt(folder, 2))).toEqual({
      examples: 8,
      in_pass: 8,
      hash_before_pass: start,
      hash: hashOf(start, [0, 1, 2, 3, 4, 5, 6, 7]),
    });
    expect(Object.fromEntries(await consumedAt(folder, 8))).toEqual({
      examples: 28,
      in_pass: 8,
      hash_before_pass: hashOf(whole, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
      hash: hashOf(hashOf(whole, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), [0, 1, 2, 3, 4, 5, 6, 7]),
    });
  });
});

test("a resumed run's hash is the unbroken run's, from the middle of an epoch and from its end", async () => {
  await inTemporaryFolder(async (folder) => {
    await fit(new Data(ROWS), folder, null);
    const unbroken = await consumedAt(folder, 9);
    for (const from of [2, 3, 6, 8]) {
      await fit(new Data(ROWS), folder, from);
      expect([from, ...(await consumedAt(folder, 9))]).toEqual([from, ...unbroken]);
    }
  });
});

test.each([2, 3])("after step %d, changed data and a changed order are refused", async (step) => {
  await inTemporaryFolder(async (folder) => {
    await fit(new Data(ROWS), folder, null);
    const refuses = (data: Data, message: string): Promise<void> =>
      expect(fit(data, folder, step)).rejects.toMatchObject({
        code: "checkpoint.mismatch",
        message,
        hint: expect.stringContaining("--allow-data-change") as string,
      });
    await refuses(
      new Data(changedRows()),
      "the training data has changed: its 10 examples are not those it had when the checkpoint was written",
    );
    await refuses(new Data(fixtureRows(12)), "the training data has changed: it has 12 examples, and had 10");
    await refuses(
      new Data(ROWS, { shuffle: false }),
      "the training data has changed: its examples come in another order than when the checkpoint was written",
    );
  });
});

test.each([2, 3])("after step %d, changed data and a changed order may be allowed, and are told", async (step) => {
  await inTemporaryFolder(async (folder) => {
    await fit(new Data(ROWS), folder, null);
    const longer = await fit(new Data(fixtureRows(12)), folder, step, true);
    expect(longer).toContain("the training data has changed: it has 12 examples, and had 10");
    const other = await fit(new Data(changedRows()), folder, step, true);
    expect(other.join()).toContain("are not those it had");
    const sorted = await fit(new Data(ROWS, { shuffle: false }), folder, step, true);
    expect(sorted.join()).toContain("in another order");
    // With the data as it was, nobody is told anything.
    expect((await fit(new Data(ROWS), folder, step)).join()).not.toContain("training data");
  });
});

test("another batch size is no other data where a pass is over", async () => {
  await inTemporaryFolder(async (folder) => {
    await fit(new Data(ROWS), folder, null);
    expect((await fit(new Data(ROWS, { batchSize: 5 }), folder, 3)).join()).not.toContain("training data");
    await expect(fit(new Data(ROWS, { batchSize: 5 }), folder, 2)).rejects.toMatchObject({
      code: "checkpoint.mismatch",
      message: expect.stringContaining("batch_size 4; here batch_size is 5") as string,
    });
  });
});

test("a dataset that gives other examples each time has no fingerprint, and none draws torch's random numbers", async () => {
  const before = defaultGenerator.getState().bytes;
  const items = (value: () => number): ItemDataset => ({
    length: 3,
    getItem: () => value(),
  });
  const loaderOf = (value: () => number): DataLoader => new DataLoader(items(value));
  expect(await datasetFingerprint(loaderOf(Math.random).dataset)).toBeNull();
  const drawn = loaderOf(() => defaultGenerator.float32()).dataset;
  await datasetFingerprint(drawn);
  expect(defaultGenerator.getState().bytes).toEqual(before);
  const failing = loaderOf(() => {
    throw new Error("no such file");
  });
  expect(await datasetFingerprint(failing.dataset)).toBeNull();
  expect(await datasetFingerprint(loaderOf(() => 1).dataset)).toMatch(/^[0-9a-f]{64}$/);
  expect(await datasetFingerprint(loaderOf(() => 1).dataset)).not.toBe(
    await datasetFingerprint(loaderOf(() => 2).dataset),
  );
});
