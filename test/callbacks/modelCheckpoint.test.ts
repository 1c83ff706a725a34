import { readFileSync, readdirSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { ModelCheckpoint } from "../../src/callbacks/modelCheckpoint.js";
import type { ModelCheckpointOptions } from "../../src/callbacks/modelCheckpointOptions.js";
import { emptyCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { PyDict } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { pythonFloat } from "../../src/pickle/pythonFloat.js";
import { StoredTensor, storedTensor } from "../../src/storage/storedTensor.js";
import { fakeTrainer, NO_MODULE } from "./fakeTrainer.js";
import type { FakeTrainer } from "./fakeTrainer.js";

interface Seen {
  readonly files: Record<string, number | null>;
  readonly state: unknown;
}
interface Case {
  readonly name: string;
  readonly args: Record<string, unknown>;
  readonly before: readonly string[];
  readonly trainer: { readonly check_val_every_n_epoch?: number };
  readonly metrics: readonly Record<string, string | readonly string[]>[];
  readonly state_key: string;
  readonly epochs: readonly Seen[];
  readonly end: Seen;
  readonly written: Record<string, unknown>;
}
const truth = JSON.parse(
  readFileSync(new URL("../fixtures/callbacks/modelCheckpoint.json", import.meta.url), "utf8"),
) as {
  readonly batches: number;
  readonly keys: readonly { readonly args: Record<string, unknown>; readonly key: string }[];
  readonly cases: readonly Case[];
};
const PYTHON_FLOATS: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const toNumber = (text: string): number => PYTHON_FLOATS[text] ?? Number(text);
const camelCase = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
const optionsOf = (args: Record<string, unknown>): ModelCheckpointOptions =>
  Object.fromEntries(Object.entries(args).map(([name, value]) => [camelCase(name), value]));

let root = "";
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "ltrain-ckpt-")));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

/** A state in the form the fixture has it. */
async function plain(value: PyValue): Promise<unknown> {
  if (value instanceof StoredTensor) {
    const bytes = await value.storage.read(0, 4);
    return { score: pythonFloat(Buffer.from(bytes).readFloatLE()), dtype: value.dtype };
  }
  if (value instanceof PyDict) {
    return { items: await Promise.all([...value].map(async ([k, v]) => [await plain(k), await plain(v)])) };
  }
  return typeof value === "string" ? value.replace(root, "<root>") : value;
}

/** Files below the folder, with the global_step each was written at; null for those that were there before. */
async function filesIn(folder: string): Promise<Record<string, number | null>> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ckpt"));
  const read = async (path: string): Promise<[string, number | null]> => {
    const text = await readFile(join(folder, path), "utf8");
    return [path, text === "" ? null : Number(text)];
  };
  return Object.fromEntries(await Promise.all(paths.map(read)));
}

/** A trainer whose checkpoints are files that hold the global step; `onSave` hears of each, and of the state in it. */
function savingTrainer(
  changes: Partial<FakeTrainer> = {},
  onSave: (path: string, state: PyDict | null) => Promise<void> = async () => {},
) {
  const trainer = fakeTrainer({ numTrainingBatches: truth.batches, ...changes });
  trainer.saveCheckpoint = async (path, { also = [], replicas = [], retired = [] } = {}) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, String(trainer.globalStep));
    await onSave(path, null);
    for (const other of also) {
      await writeFile(other.path, String(trainer.globalStep));
      await onSave(other.path, other.state);
    }
    for (const { from, path: replica } of replicas) await copyFile(from, replica);
    for (const old of retired) await rm(old);
  };
  return trainer;
}

/** Whether an epoch ends with a validation. */
function validates({ currentEpoch, checkValEveryNEpoch, numValidationBatches }: FakeTrainer): boolean {
  return numValidationBatches > 0 && (currentEpoch + 1) % (checkValEveryNEpoch ?? 1) === 0;
}

/** One epoch as the trainer runs it: batches, validation where it is due, the epoch's end. */
async function runEpoch(
  checkpoint: ModelCheckpoint,
  trainer: FakeTrainer,
  metrics: Record<string, string | readonly string[]>,
): Promise<void> {
  for (let batch = 0; batch < truth.batches; batch += 1) {
    trainer.batchIdx = batch;
    trainer.isLastBatch = batch === truth.batches - 1;
    trainer.globalStep += 1;
    const { train_loss: trainLoss } = metrics;
    if (Array.isArray(trainLoss)) trainer.callbackMetrics.set("train_loss", toNumber(String(trainLoss[batch])));
    trainer.validatesNext = trainer.isLastBatch && validates(trainer);
    await checkpoint.onTrainBatchEnd(trainer);
  }
  if (validates(trainer)) {
    for (const [name, value] of Object.entries(metrics)) {
      if (typeof value === "string") trainer.callbackMetrics.set(name, Math.fround(toNumber(value)));
    }
    await checkpoint.onValidationEnd(trainer);
  }
  await checkpoint.onTrainEpochEnd(trainer);
}

test.each(truth.cases.map(({ name }) => name))("files and state are Lightning's: %s", async (name) => {
  const recorded = truth.cases.find((each) => each.name === name);
  if (recorded === undefined) throw new Error(name);
  for (const file of recorded.before) await writeFile(join(root, file), "");
  const checkpoint = new ModelCheckpoint({ dirpath: root, ...optionsOf(recorded.args) });
  const written: Record<string, unknown> = {};
  const trainer = savingTrainer(
    { checkValEveryNEpoch: recorded.trainer.check_val_every_n_epoch ?? 1, logDir: root },
    async (path, state) => {
      written[`${relative(root, path)} ${trainer.globalStep}`] = await plain(state ?? checkpoint.stateDict());
    },
  );
  await checkpoint.setup(trainer);
  checkpoint.onTrainStart(trainer);
  for (const [epoch, metrics] of recorded.metrics.entries()) {
    trainer.currentEpoch = epoch;
    await runEpoch(checkpoint, trainer, metrics);
    expect({ epoch, files: await filesIn(root), state: await plain(checkpoint.stateDict()) }).toEqual({
      epoch,
      ...recorded.epochs[epoch],
    });
  }
  await checkpoint.onTrainEnd(trainer);
  expect({ files: await filesIn(root), state: await plain(checkpoint.stateDict()) }).toEqual(recorded.end);
  expect(checkpoint.stateKey).toBe(recorded.state_key);
  for (const [file, state] of Object.entries(recorded.written)) expect([file, written[file]]).toEqual([file, state]);
});

test.each(truth.keys)("the state key is Python's repr: $key", ({ args, key }) => {
  expect(new ModelCheckpoint(optionsOf(args)).stateKey).toBe(key);
});

test("without a folder of its own it saves into the run's, under checkpoints", async () => {
  const checkpoint = new ModelCheckpoint();
  const trainer = savingTrainer({ logDir: join(root, "lightning_logs/version_3"), globalStep: 10, currentEpoch: 1 });
  await checkpoint.setup(trainer);
  await checkpoint.onTrainEpochEnd(trainer);
  expect(checkpoint.bestModelPath).toBe(join(root, "lightning_logs/version_3/checkpoints/epoch=1-step=10.ckpt"));
  expect(checkpoint.lastCheckpointPath).toBe(checkpoint.bestModelPath);
});

test("nothing is saved in a sanity check, in a fast dev run, or twice at one step", async () => {
  const checkpoint = new ModelCheckpoint({ dirpath: root });
  const trainer = savingTrainer({ globalStep: 4, stage: "sanityCheck" });
  await checkpoint.setup(trainer);
  await checkpoint.onTrainEpochEnd(trainer);
  trainer.stage = "fit";
  trainer.fastDevRun = true;
  await checkpoint.onTrainEpochEnd(trainer);
  expect(await filesIn(root)).toEqual({});
  trainer.fastDevRun = false;
  await checkpoint.onTrainEpochEnd(trainer);
  trainer.currentEpoch = 1;
  await checkpoint.onTrainEpochEnd(trainer);
  expect(await filesIn(root)).toEqual({ "epoch=0-step=4.ckpt": 4 });
});

test("a resumed callback goes on where it stood: old bests count, and the one that falls out is removed", async () => {
  const options: ModelCheckpointOptions = { dirpath: root, monitor: "val_loss", saveTopK: 2 };
  const first = new ModelCheckpoint(options);
  const trainer = savingTrainer();
  await first.setup(trainer);
  for (const [epoch, loss] of ["0.5", "0.4"].entries()) {
    trainer.currentEpoch = epoch;
    await runEpoch(first, trainer, { val_loss: loss });
  }
  const second = new ModelCheckpoint(options);
  await second.setup(trainer);
  await second.loadStateDict(first.stateDict());
  expect(await plain(second.stateDict())).toEqual(await plain(first.stateDict()));
  trainer.currentEpoch = 2;
  await runEpoch(second, trainer, { val_loss: "0.3" });
  expect(await filesIn(root)).toEqual({ "epoch=1-step=8.ckpt": 8, "epoch=2-step=12.ckpt": 12 });
});

test("the step that a run goes on from is not saved again while the next window is accumulated", async () => {
  const checkpoint = new ModelCheckpoint({ dirpath: root, monitor: "train_loss", everyNTrainSteps: 1, saveTopK: -1 });
  const trainer = savingTrainer({ globalStep: 3, callbackMetrics: new Map([["train_loss", 0.5]]) });
  await checkpoint.setup(trainer);
  checkpoint.onTrainStart(trainer);
  await checkpoint.onTrainBatchEnd(trainer); // of the first batch of a window
  expect(await filesIn(root)).toEqual({});
  trainer.globalStep = 4;
  await checkpoint.onTrainBatchEnd(trainer);
  expect(await filesIn(root)).toEqual({ "epoch=0-step=4.ckpt": 4 });
});

test("the checkpoint a run was resumed from is never removed, by whatever name it is reached", async () => {
  const first = new ModelCheckpoint({ dirpath: root });
  const trainer = savingTrainer();
  await first.setup(trainer);
  await runEpoch(first, trainer, {});
  trainer.ckptPath = join(root, "../", root.slice(dirname(root).length + 1), "epoch=0-step=4.ckpt");
  const second = new ModelCheckpoint({ dirpath: root });
  await second.setup(trainer);
  await second.loadStateDict(first.stateDict());
  trainer.currentEpoch = 1;
  await runEpoch(second, trainer, {});
  expect(await filesIn(root)).toEqual({ "epoch=0-step=4.ckpt": 4, "epoch=1-step=8.ckpt": 8 });
});

// Lightning 2.6.6 with filename="last", save_last=True ends with last.ckpt as the best and last-v1.ckpt as the last.
test("a file name that last.ckpt or best.ckpt would have too is another file", async () => {
  for (const name of ["last", "best"]) {
    const dirpath = join(root, name);
    const checkpoint = new ModelCheckpoint({ dirpath, filename: name, saveLast: true, saveBest: true });
    const trainer = savingTrainer();
    await checkpoint.setup(trainer);
    for (const epoch of [0, 1, 2]) {
      trainer.currentEpoch = epoch;
      await runEpoch(checkpoint, trainer, {});
    }
    expect(checkpoint.bestModelPath).toBe(join(dirpath, `${name}.ckpt`));
    expect(checkpoint.lastModelPath).toBe(join(dirpath, name === "last" ? "last-v1.ckpt" : "last.ckpt"));
    const others = name === "last" ? ["best.ckpt", "last-v1.ckpt"] : ["best-v1.ckpt", "last.ckpt"];
    expect(await filesIn(dirpath)).toEqual({ [`${name}.ckpt`]: 12, [others[0] ?? ""]: 12, [others[1] ?? ""]: 12 });
  }
});

test("a run that goes on from a copy of a checkpoint leaves the original's files alone, also in the same folder", async () => {
  const options: ModelCheckpointOptions = { dirpath: root, filename: "best", saveLast: true, saveBest: true };
  const first = new ModelCheckpoint(options);
  const trainer = savingTrainer();
  await first.setup(trainer);
  await runEpoch(first, trainer, {});
  const before = { "best.ckpt": 4, "best-v1.ckpt": 4, "last.ckpt": 4 };
  expect(await filesIn(root)).toEqual(before);

  const elsewhere = await realpath(await mkdtemp(join(tmpdir(), "ltrain-copy-")));
  trainer.ckptPath = join(elsewhere, "copy.ckpt");
  await copyFile(join(root, "last.ckpt"), trainer.ckptPath);
  const second = new ModelCheckpoint(options);
  await second.setup(trainer);
  await second.onLoadCheckpoint(trainer, NO_MODULE, emptyCheckpoint());
  await second.loadStateDict(first.stateDict());
  for (const epoch of [1, 2]) {
    trainer.currentEpoch = epoch;
    await runEpoch(second, trainer, {});
  }
  expect(await filesIn(root)).toMatchObject(before);
  expect(second.spareCheckpoint(trainer)).toBeNull();
  expect(second.lastModelPath).toBe(join(root, "last-v1.ckpt"));
  await rm(elsewhere, { recursive: true });
});

test("of two folders of one run both are the run's own, whichever the checkpoint lies in", async () => {
  const options = { dirpath: root, monitor: "val_loss" };
  const first = new ModelCheckpoint(options);
  const logger = { logDir: join(root, "logs") } as unknown as FakeTrainer["loggers"][number];
  const trainer = savingTrainer({ loggers: [logger] });
  await first.setup(trainer);
  await runEpoch(first, trainer, { val_loss: "0.5" });
  trainer.ckptPath = join(root, "..", "of-the-other-callback", "last.ckpt");
  const second = new ModelCheckpoint(options);
  await second.setup(trainer);
  const ltrain = PyDict.from({ log_dir: join(root, "logs") });
  await second.onLoadCheckpoint(trainer, NO_MODULE, { ...emptyCheckpoint(), ltrain });
  await second.loadStateDict(first.stateDict());
  trainer.currentEpoch = 1;
  await runEpoch(second, trainer, { val_loss: "0.4" });
  expect(await filesIn(root)).toEqual({ "epoch=1-step=8.ckpt": 8 });
});

test("the state of another folder brings its best path along, and none of its files is removed", async () => {
  const elsewhere = join(root, "elsewhere");
  const first = new ModelCheckpoint({ dirpath: elsewhere });
  const trainer = savingTrainer();
  await first.setup(trainer);
  await runEpoch(first, trainer, {});
  const second = new ModelCheckpoint({ dirpath: join(root, "here") });
  await second.setup(trainer);
  await second.loadStateDict(first.stateDict());
  expect(second.bestModelPath).toBe(join(elsewhere, "epoch=0-step=4.ckpt"));
  trainer.currentEpoch = 1;
  await runEpoch(second, trainer, {});
  expect(await filesIn(root)).toEqual({ "elsewhere/epoch=0-step=4.ckpt": 4, "here/epoch=1-step=8.ckpt": 8 });
});

test("a file is removed only after the one that takes its place is there", async () => {
  const present: string[][] = [];
  const checkpoint = new ModelCheckpoint({ dirpath: root });
  const trainer = savingTrainer({}, async () => {
    present.push(Object.keys(await filesIn(root)).sort());
  });
  await checkpoint.setup(trainer);
  for (const epoch of [0, 1]) {
    trainer.currentEpoch = epoch;
    await runEpoch(checkpoint, trainer, {});
  }
  expect(present).toEqual([["epoch=0-step=4.ckpt"], ["epoch=0-step=4.ckpt", "epoch=1-step=8.ckpt"]]);
});

test("when a save fails the older checkpoint stays", async () => {
  const checkpoint = new ModelCheckpoint({ dirpath: root });
  const trainer = savingTrainer();
  await checkpoint.setup(trainer);
  await runEpoch(checkpoint, trainer, {});
  trainer.saveCheckpoint = () => Promise.reject(new Error("no space left"));
  await expect(runEpoch(checkpoint, trainer, {})).rejects.toThrow("no space left");
  expect(await filesIn(root)).toEqual({ "epoch=0-step=4.ckpt": 4 });
});

test("a monitor that nobody logs is told of before validation and refused after it, with the nearest name", async () => {
  const checkpoint = new ModelCheckpoint({ dirpath: root, monitor: "val_los" });
  const trainer = savingTrainer({ globalStep: 4, callbackMetrics: new Map([["val_loss", 1]]) });
  await checkpoint.setup(trainer);
  await checkpoint.onTrainEpochEnd(trainer);
  expect(trainer.warnings).toEqual(['ModelCheckpoint watches "val_los", and nobody has logged it; there is val_loss']);
  await checkpoint.onValidationEnd(trainer);
  await expect(checkpoint.onTrainEpochEnd(trainer)).rejects.toMatchObject({
    code: "config.invalid",
    hint: 'did you mean "val_loss"?',
  });
});

test("a save by steps that watches a validation metric waits for the validation, and is not lost", async () => {
  const checkpoint = new ModelCheckpoint({ dirpath: root, monitor: "val_loss", everyNTrainSteps: 2, saveTopK: -1 });
  const trainer = savingTrainer();
  await checkpoint.setup(trainer);
  await runEpoch(checkpoint, trainer, { val_loss: "0.5" });
  expect(await filesIn(root)).toEqual({ "epoch=0-step=4.ckpt": 4 });
});

test("with validation every second epoch and no validation data it still saves at the end of every epoch", async () => {
  const checkpoint = new ModelCheckpoint({ dirpath: root, saveTopK: -1 });
  const trainer = savingTrainer({ checkValEveryNEpoch: 2, numValidationBatches: 0, globalStep: 4 });
  await checkpoint.setup(trainer);
  await checkpoint.onTrainEpochEnd(trainer);
  expect(await filesIn(root)).toEqual({ "epoch=0-step=4.ckpt": 4 });
});

test("scores of a Lightning file may be of other dtypes, or missing", async () => {
  const checkpoint = new ModelCheckpoint({ dirpath: root, monitor: "val_loss" });
  await checkpoint.setup(savingTrainer());
  const double = storedTensor({ dtype: "float64", shape: [], bytes: new Uint8Array(Float64Array.of(0.25).buffer) });
  await checkpoint.loadStateDict(
    PyDict.from({
      best_model_score: double,
      best_model_path: "a.ckpt",
      dirpath: root,
      best_k_models: new PyDict([["a.ckpt", double]]),
    }),
  );
  expect(checkpoint.bestModelScore).toBe(0.25);
  expect(checkpoint.bestModelPath).toBe("a.ckpt");
});

// Messages of Lightning's MisconfigurationException say the same; the numbers are its limits.
test.each([
  [{ saveTopK: -2 }, "save_top_k must be -1 or more"],
  [{ saveTopK: 3 }, "nothing is monitored"],
  [{ everyNEpochs: 1, everyNTrainSteps: 5 }, "exclude each other"],
  [{ everyNTrainSteps: -1 }, "every_n_train_steps must be 0 or more"],
  [{ mode: "mni" as "min" }, 'mode must be "min" or "max", got "mni"'],
])("settings that contradict themselves are refused: %j", (options: ModelCheckpointOptions, message) => {
  expect(() => new ModelCheckpoint(options)).toThrow(message);
});
