import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ModelCheckpoint } from "../../src/callbacks/modelCheckpoint.js";
import type { ModelCheckpointOptions } from "../../src/callbacks/modelCheckpointOptions.js";
import { torchCheckpointIO } from "../../src/checkpoint/checkpointIO.js";
import { isSound } from "../../src/checkpoint/verification.js";
import { verifyCheckpoint } from "../../src/checkpoint/verifyCheckpoint.js";
import { StopCheckpoint } from "../../src/cli/stopCheckpoint.js";
import type { Callback } from "../../src/core/callback.js";
import { LambdaCallback } from "../../src/callbacks/lambdaCallback.js";
import { LtrainError } from "../../src/errors.js";
import type { FileOperations } from "../../src/io/fileOperations.js";
import { nodeFiles } from "../../src/io/fileOperations.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { fixtureRows, inTemporaryFolder, Rows, TinyAutoEncoder } from "../trainer/tinyRun.js";

/** Train 5 steps with checkpoints after every `everyNTrainSteps`; gives what it ended with, and the files that are there. */
async function train(
  folder: string,
  options: ModelCheckpointOptions,
  { files = nodeFiles, others = [] }: { files?: FileOperations; others?: Callback[] },
): Promise<{ readonly error: unknown; readonly names: string[] }> {
  const dirpath = join(folder, "checkpoints");
  const stop = new StopCheckpoint({ isStopped: () => false, callbacks: () => trainer.options.callbacks });
  const trainer: Trainer = new Trainer({
    logger: false,
    engine: "onnxruntime",
    maxSteps: 5,
    maxEpochs: -1,
    checkpointIO: torchCheckpointIO({ files }),
    callbacks: [...others, new ModelCheckpoint({ dirpath, ...options }), stop],
  });
  const error = await trainer
    .fit(new TinyAutoEncoder(), new Rows(fixtureRows(20), { batchSize: 10 }))
    .then(() => null)
    .catch((reason: unknown) => reason);
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return { error, names: names.filter((name) => name.endsWith(".ckpt")).map((name) => name.replace(/^.*\//, "")) };
}

/** Fails before the batch that follows on this many steps. */
const failing = (steps: number, error: Error): Callback =>
  new LambdaCallback({
    onTrainBatchStart: (trainer) => {
      if (trainer.globalStep === steps) throw error;
    },
  });

/** Files whose folders cannot be brought to the disk once `allowed` syncs are over. */
function failingSync(allowed: number, told: { syncs: number }): FileOperations {
  return {
    ...nodeFiles,
    syncFolder: (path) => {
      told.syncs += 1;
      if (told.syncs <= allowed) return nodeFiles.syncFolder(path);
      return Promise.reject(Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" }));
    },
  };
}

const RARELY = { everyNTrainSteps: 100, saveTopK: 1 };

test("what fails in the user's code saves the steps so far", () =>
  inTemporaryFolder(async (folder) => {
    const { error, names } = await train(folder, RARELY, { others: [failing(3, new Error("as was wished"))] });
    expect(error).toMatchObject({ code: "user.failed", message: expect.stringContaining("as was wished") as string });
    expect(names).toEqual(["epoch=1-step=3.ckpt"]);
    expect(isSound(await verifyCheckpoint(join(folder, "checkpoints", names[0] ?? "")))).toBe(true);
  }));

test("data that cannot be read is no reason not to save: the disk of the checkpoints may be well", () =>
  inTemporaryFolder(async (folder) => {
    const unreadable = new LtrainError("io.failed", "cannot read images/7.png: i/o error, read (EIO)");
    const { error, names } = await train(folder, RARELY, { others: [failing(3, unreadable)] });
    expect(error).toBe(unreadable);
    expect(names).toEqual(["epoch=1-step=3.ckpt"]);
  }));

test.each([
  ["by the run", {}],
  ["by save_on_exception", { saveOnException: true }],
])("a disk that could not make a checkpoint durable is not given another one, %s", (_, more) =>
  inTemporaryFolder(async (folder) => {
    const told = { syncs: 0 };
    const files = failingSync(1, told); // the journal's name, not the checkpoint's
    const options = { ...more, everyNTrainSteps: 2, saveTopK: -1 };
    const { error, names } = await train(folder, options, { files });
    expect(error).toMatchObject({ code: "io.durabilityUncertain", exitCode: 6 });
    expect(names).toEqual(["epoch=0-step=2.ckpt"]);
    expect(told.syncs).toBe(2);
  }),
);

test("save_on_exception saves under the ModelCheckpoint's own name, and the run no second one", () =>
  inTemporaryFolder(async (folder) => {
    const options = { ...RARELY, saveOnException: true, filename: "mine-{step}", saveLast: true };
    const { error, names } = await train(folder, options, { others: [failing(3, new Error("as was wished"))] });
    expect(error).toMatchObject({ code: "user.failed" });
    expect(names.sort()).toEqual(["last.ckpt", "mine-step=3.ckpt"]);
  }));

test("save_on_exception of weights alone is not what a run can go on from: it saves the rest too", () =>
  inTemporaryFolder(async (folder) => {
    const options = { ...RARELY, saveOnException: true, filename: "mine", saveWeightsOnly: true };
    const { names } = await train(folder, options, { others: [failing(3, new Error("as was wished"))] });
    expect(names.sort()).toEqual(["epoch=1-step=3.ckpt", "mine.ckpt"]);
  }));
