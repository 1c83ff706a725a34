import { mkdtemp, readFile, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { readRunRecord } from "../../src/callbacks/runRecord.js";
import { writeTinyMnist } from "./tinyMnist.js";

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-loggers-")));
  await writeTinyMnist(join(folder, "images"), 40, 8);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** 8 batches of 4 images an epoch, a row every fourth step. */
async function config(logger: string, name = "c.yaml"): Promise<string> {
  const path = join(folder, name);
  await writeFile(
    path,
    `seed_everything: 1
model: {class_path: LitAutoEncoder, init_args: {hidden: 4, latent: 2}}
data: {class_path: MNISTDataModule, init_args: {data_dir: images, val_size: 8, batch_size: 4}}
trainer:
  max_epochs: 1
  default_root_dir: "${folder}"
  accelerator: cpu
  log_every_n_steps: 4
  logger: ${logger}
`,
  );
  return path;
}

async function ltrain(...args: string[]): Promise<{ code: number; messages: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, messages: terminal.messages };
}

const filesOf = async (run: string): Promise<string[]> =>
  (await readdir(join(folder, "lightning_logs", run))).filter((name) => !name.startsWith("."));

test("several loggers of one name write into one run's folder, and a resumed run goes on in all of them", async () => {
  const three = "[{class_path: CSVLogger}, {class_path: TensorBoardLogger}, {class_path: JSONLinesLogger}]";
  expect(await ltrain("train", "--config", await config(three))).toMatchObject({ code: 0 });
  expect(await readdir(join(folder, "lightning_logs"))).toEqual(["version_0"]);
  const files = await filesOf("version_0");
  expect(files).toEqual(expect.arrayContaining(["metrics.csv", "metrics.jsonl", "run.json", "hparams.yaml"]));
  expect(files.filter((name) => name.startsWith("events.out.tfevents."))).toHaveLength(1);
  const resumed = await ltrain("resume", join(folder, "lightning_logs/version_0"), "--trainer.max_epochs", "2");
  expect(resumed.code).toBe(0);
  expect(await readdir(join(folder, "lightning_logs"))).toEqual(["version_0"]);
  const rows = (await readFile(join(folder, "lightning_logs/version_0/metrics.jsonl"), "utf8")).trim().split("\n");
  const trained = rows.map((row) => JSON.parse(row) as Record<string, number>).filter((row) => "train_loss" in row);
  expect(trained.map(({ step, epoch }) => [step, epoch])).toEqual([
    [3, 0],
    [7, 0],
    [11, 1],
    [15, 1],
  ]);
});

test("one class needs no list around it, and a run without a logger leaves no logs", async () => {
  expect((await ltrain("train", "--config", await config("{class_path: TensorBoardLogger}"))).code).toBe(0);
  expect(await filesOf("version_0")).not.toContain("metrics.csv");
  expect(
    (await ltrain("train", "--config", await config("false"), "--trainer.enable_checkpointing", "false")).code,
  ).toBe(0);
  expect(await readdir(join(folder, "lightning_logs"))).toEqual(["version_0"]);
});

test("a logger of the user's own is told rows, hyperparameters and how the run ended", async () => {
  await writeFile(
    join(folder, "own.ts"),
    `import { appendFileSync } from "node:fs";
import type { Logger } from "ltrain";

export class Lines implements Logger {
  readonly name = "lines";
  readonly logDir = null;
  readonly #path: string;
  constructor({ path }: { path: string }) { this.#path = path; }
  #write(what: string, value: unknown): Promise<void> {
    appendFileSync(this.#path, what + " " + JSON.stringify(value) + "\\n");
    return Promise.resolve();
  }
  logHyperparams(hparams: Readonly<Record<string, unknown>>) { return this.#write("hparams", Object.keys(hparams)); }
  logMetrics(metrics: Readonly<Record<string, number>>, step: number) { return this.#write("row", [step, Object.keys(metrics)]); }
  save() { return Promise.resolve(); }
  finalize(status: "success" | "failed" | "interrupted") { return this.#write("end", status); }
}

export class Nothing {}
`,
  );
  const path = join(folder, "lines.txt");
  const own = `[{class_path: CSVLogger}, {class_path: ./own.ts:Lines, init_args: {path: "${path}"}}]`;
  expect(await ltrain("train", "--config", await config(own))).toMatchObject({ code: 0 });
  const lines = (await readFile(path, "utf8")).trim().split("\n");
  expect(lines[0]).toMatch(/^hparams \[.*"hidden".*"latent"/);
  expect(lines).toContain('row [3,["train_loss","epoch"]]');
  expect(lines.at(-1)).toBe('end "success"');
  const refused = await ltrain("train", "--config", await config("[{class_path: ./own.ts:Nothing}]"));
  expect(refused.code).toBe(2);
  expect(refused.messages).toContain('is not a logger: let it implement Logger from "ltrain"');
});

test("run.json says how a run ended: done, or failed and by what", async () => {
  await ltrain("train", "--config", await config("true"));
  const done = await readRunRecord(join(folder, "lightning_logs/version_0"));
  expect(done).toMatchObject({
    state: "done",
    epochs: 1,
    global_step: 8,
    model: "LitAutoEncoder",
    engine: "onnxruntime",
  });
  // 2 * 4 images * (784*4 + 4*2 + 2*4 + 4*784) forward; backward the same twice, but for the input's gradient
  expect(done?.flops_per_step).toBe(2 * 4 * (3 * (784 * 4 + 4 * 2 + 2 * 4 + 4 * 784) - 784 * 4));
  expect(done?.summary.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(
    784 * 4 + 4 + 8 + 2 + 8 + 4 + 3136 + 784,
  );
  await writeFile(
    join(folder, "bad.ts"),
    `export class Bad {
  name = "bad";
  logDir = null;
  async logHyperparams() {}
  async logMetrics() { throw new Error("it broke"); }
  async save() {}
  async finalize() {}
}
`,
  );
  const failed = await ltrain(
    "train",
    "--config",
    await config("[{class_path: CSVLogger}, {class_path: ./bad.ts:Bad}]"),
  );
  expect(failed.messages).toMatch(/error: Bad\.logMetrics failed: .*it broke/);
  expect(failed.code).toBe(1);
  expect(await readRunRecord(join(folder, "lightning_logs/version_1"))).toMatchObject({
    state: "failed",
    reason: expect.stringContaining("it broke") as string,
  });
});
