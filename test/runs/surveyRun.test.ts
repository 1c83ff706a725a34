import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lockFolder } from "../../src/io/folderLock.js";
import type { RunRecord } from "../../src/callbacks/runRecord.js";
import { readRunRecord, writeRunRecord } from "../../src/callbacks/runRecord.js";
import { surveyRun } from "../../src/runs/surveyRun.js";

const CHECKPOINT = fileURLToPath(
  new URL("../fixtures/lightning/plateau-earlystopping-topk-best.ckpt", import.meta.url),
);

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ltrain-runs-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const RECORD: RunRecord = {
  schema_version: 1,
  state: "done",
  reason: "max_epochs=2 reached",
  started: "2026-01-02T03:04:05.000Z",
  ended: "2026-01-02T03:05:05.000Z",
  seconds: 60,
  model: "LitClassifier",
  engine: "onnxruntime",
  device: "cpu",
  epochs: 2,
  global_step: 200,
  best: { metric: "val_acc", value: 0.9 },
  best_model_path: null,
  last_checkpoint_path: null,
  flops_per_step: 1000,
  summary: [{ name: "net", type: "Linear", parameters: 10, trainable: 10 }],
};

test("a record is read back as it was written, and what is no record is none", async () => {
  await writeRunRecord(root, { ...RECORD, best: { metric: "val_acc", value: Number.NaN } });
  expect(await readRunRecord(root)).toEqual({ ...RECORD, best: { metric: "val_acc", value: null } });
  for (const text of [
    "{",
    "[]",
    "null",
    '{"schema_version": 2, "state": "done"}',
    '{"schema_version": 1, "state": "odd"}',
  ]) {
    await writeFile(join(root, "run.json"), text);
    expect(await readRunRecord(root)).toBeNull();
  }
});

test("a run is running while a living process holds its folder, and interrupted when that process is gone", async () => {
  await writeRunRecord(root, { ...RECORD, state: "running" });
  const lock = await lockFolder(root);
  expect((await surveyRun({ path: root, modified: 0 })).state).toBe("running");
  await lock.release();
  expect((await surveyRun({ path: root, modified: 0 })).state).toBe("interrupted");
});

test.each(["done", "interrupted", "failed"] as const)(
  "a run that said at its end that it is %s is so",
  async (state) => {
    await writeRunRecord(root, { ...RECORD, state });
    const run = await surveyRun({ path: root, modified: 0 });
    expect([run.state, run.epochs, run.globalStep, run.model]).toEqual([state, 2, 200, "LitClassifier"]);
    expect(run.best).toEqual({ name: "val_acc", value: 0.9 });
    expect(run.date).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
  },
);

test("of a run of Lightning's the newest checkpoint tells the best metric, the epochs and the steps", async () => {
  await mkdir(join(root, "checkpoints"));
  await copyFile(CHECKPOINT, join(root, "checkpoints", "epoch=3-step=16.ckpt"));
  const run = await surveyRun({ path: root, modified: 42 });
  // The twin: epoch 3 is done, global_step 16, ModelCheckpoint watches val_loss.
  expect([run.state, run.epochs, run.globalStep, run.date]).toEqual(["unknown", 4, 16, 42]);
  expect(run.best?.name).toBe("val_loss");
  expect(run.best?.value).toBeCloseTo(0.06458987295627594, 12);
});

test("without a checkpoint the lowest validation loss of its metrics is its best", async () => {
  await writeFile(
    join(root, "metrics.csv"),
    "epoch,step,train_loss,val_loss\r\n0,9,0.5,\r\n0,9,,0.3\r\n1,19,0.1,\r\n1,19,,0.4\r\n",
  );
  const run = await surveyRun({ path: root, modified: 0 });
  expect(run.best).toEqual({ name: "val_loss", value: 0.3 });
  expect([run.epochs, run.globalStep]).toEqual([2, 20]);
});
