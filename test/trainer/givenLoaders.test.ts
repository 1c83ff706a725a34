import { DataLoader } from "../../src/data/dataLoader.js";
import { TensorDataset } from "../../src/data/dataset.js";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { seedEverything } from "../../src/tensor/seed.js";
import type { FitData } from "../../src/trainer/givenLoaders.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { fixtureRows, inTemporaryFolder, Losses, QUIET, Rows, ValidatedAutoEncoder } from "./tinyRun.js";

const ROWS = fixtureRows(20);
const loader = (): DataLoader => new DataLoader(new TensorDataset(ROWS), { batchSize: 4, shuffle: true });
const inOrder = (): DataLoader => new DataLoader(new TensorDataset(ROWS), { batchSize: 4 });

/** Every loss of two epochs on `data`, from the same seed, and what was logged in the end. */
async function losses(data: FitData): Promise<{ readonly steps: readonly number[]; readonly logged: string[] }> {
  seedEverything(1);
  const told = new Losses();
  const trainer = new Trainer({ ...QUIET, maxEpochs: 2, callbacks: [told] });
  await trainer.fit(new ValidatedAutoEncoder(), data);
  return { steps: told.losses, logged: [...trainer.callbackMetrics.keys()] };
}

test("loaders train as a data module that has them: the same shuffles, losses and validations", async () => {
  const module = await losses(new Rows(ROWS, { batchSize: 4, shuffle: true, validate: true }));
  const given = await losses({ trainDataloader: loader(), valDataloader: inOrder() });
  expect(given).toEqual(module);
  expect(given.steps).toHaveLength(10);
  expect(given.logged).toContain("val_loss");
});

test("a loader alone is trained on, and nothing is validated", async () => {
  const alone = await losses(loader());
  expect(alone).toEqual(await losses(new Rows(ROWS, { batchSize: 4, shuffle: true })));
  expect(alone.logged).not.toContain("val_loss");
});

test("the same loaders serve a second fit, which resumes the first; a checkpoint says nothing of a data module", async () => {
  await inTemporaryFolder(async (folder) => {
    const data = { trainDataloader: loader(), valDataloader: inOrder() };
    seedEverything(1);
    const first = new Trainer({ ...QUIET, maxEpochs: 1 });
    await first.fit(new ValidatedAutoEncoder(), data);
    const path = `${folder}/first.ckpt`;
    await first.saveCheckpoint(path);
    expect((await loadCheckpoint(path)).checkpoint.datamodule).toBeNull();
    const told = new Losses();
    await new Trainer({ ...QUIET, maxEpochs: 2, callbacks: [told] }).fit(new ValidatedAutoEncoder(), data, {
      ckptPath: path,
    });
    expect(told.losses).toEqual((await losses(data)).steps.slice(5));
  });
});
