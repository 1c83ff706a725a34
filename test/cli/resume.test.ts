import { spawnSync } from "node:child_process";
import { copyFile, mkdtemp, readFile, readdir, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { temporaryPath } from "../../src/io/temporaryName.js";
import { writeTinyMnist } from "./tinyMnist.js";

let folder: string;
let config: string;
let run0: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-resume-")));
  await writeTinyMnist(join(folder, "images"), 40, 8);
  config = join(folder, "c.yaml");
  // 8 batches of 4 to train on, 2 to validate on
  await writeFile(
    config,
    `seed_everything: 1
model: {class_path: LitAutoEncoder, init_args: {hidden: 4, latent: 2}}
data: {class_path: MNISTDataModule, init_args: {data_dir: images, val_size: 8, batch_size: 4}}
trainer: {max_epochs: 1, default_root_dir: "${folder}/runs", accelerator: cpu, log_every_n_steps: 4}
`,
  );
  run0 = join(folder, "runs", "lightning_logs", "version_0");
});

interface Ran {
  readonly code: number;
  readonly output: string;
  readonly messages: string;
}

async function ltrain(...args: readonly string[]): Promise<Ran> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, output: terminal.output, messages: terminal.messages.replaceAll(`${folder}/`, "") };
}

async function rowsOf(runFolder: string): Promise<string[]> {
  return (await readFile(join(runFolder, "metrics.csv"), "utf8")).trim().split("\r\n");
}

function checkpointOf(step: number): string {
  return join(run0, "checkpoints", `epoch=${step / 8 - 1}-step=${step}.ckpt`);
}

test("a run goes on in its own folder, without a config, as if it had never stopped", async () => {
  await ltrain("train", "--config", config, "--quiet", "--trainer.max_epochs", "2");
  const unbroken = await rowsOf(run0);
  await ltrain("train", "--config", config, "--quiet");
  const run1 = join(folder, "runs", "lightning_logs", "version_1");
  const { code, messages } = await ltrain("resume", run1, "--trainer.max_epochs", "2");
  expect(code).toBe(0);
  expect(messages).toContain(
    "using runs/lightning_logs/version_1/checkpoints/epoch=0-step=8.ckpt (the newest: epoch 0, global step 8)\n",
  );
  expect(messages).toContain("changed  trainer.max_epochs: 1 -> 2\n");
  expect(messages).toContain("run      runs/lightning_logs/version_1\n");
  expect(await rowsOf(run1)).toEqual(unbroken);
});

test("without a path the newest run under default_root_dir goes on", async () => {
  await ltrain("train", "--config", config, "--quiet");
  await ltrain("train", "--config", config, "--quiet");
  const { code, messages } = await ltrain(
    "resume",
    "--trainer.max_epochs=2",
    `--trainer.default_root_dir=${folder}/runs`,
  );
  expect(code).toBe(0);
  expect(messages).toContain("run      runs/lightning_logs/version_1\n");
});

test("what is restored from the checkpoint anyway is said when the config changes it", async () => {
  await ltrain("train", "--config", config, "--quiet");
  const { messages } = await ltrain("resume", run0, "--trainer.max_epochs", "2", "--model.lr", "0.5");
  expect(messages).toContain("changed  model.init_args.lr: 0.001 -> 0.5 (changes the mathematics)\n");
  expect(messages).toContain(
    "note: optimizer and scheduler state, learning rates included, are restored from the checkpoint\n",
  );
});

test("a finished run says so, with the command that goes on longer", async () => {
  await ltrain("train", "--config", config, "--quiet");
  const before = await readdir(run0, { recursive: true });
  const plain = await ltrain("resume", checkpointOf(8));
  const path = "runs/lightning_logs/version_0/checkpoints/epoch=0-step=8.ckpt";
  expect(plain).toEqual({
    code: 0,
    output: "",
    messages: `nothing is left to train: ${path} is at the limit (1 epoch, 8 steps)\nto go on longer: ltrain resume ${path} --trainer.max_epochs 2\n`,
  });
  const json = await ltrain("resume", checkpointOf(8), "--json");
  expect(JSON.parse(json.output)).toMatchObject({
    event: "fit_end",
    global_step: 8,
    epochs: 1,
    stop_reason: "nothing is left to train",
  });
  expect(await readdir(run0, { recursive: true })).toEqual(before);
});

test("what a kill in the last write of a finished run left half-written is swept, and nothing else", async () => {
  await ltrain("train", "--config", config, "--quiet");
  const before = await readdir(run0, { recursive: true });
  const gone = spawnSync(process.execPath, ["-e", ""]).pid; // a process that has ended
  const [, host] = /\.x\.(.*)-\d+\..*\.tmp$/.exec(temporaryPath("x")) ?? [];
  expect(host).toMatch(/^\w+$/);
  const left = [
    `.run.json.${host}-${gone}.0a1b2c3d4e5f.tmp`,
    join("checkpoints", `.last.ckpt.${host}-${gone}.0a1b2c3d4e5f.tmp`),
  ];
  for (const name of left) await writeFile(join(run0, name), "half");
  await writeFile(join(run0, "notes.tmp"), "somebody's");
  const { code, messages } = await ltrain("resume", run0);
  expect(messages).toContain("nothing is left to train");
  expect(code).toBe(0);
  expect(await readdir(run0, { recursive: true })).toEqual(expect.arrayContaining([...before, "notes.tmp"]));
  expect((await readdir(run0, { recursive: true })).length).toBe(before.length + 1);
});

test("a checkpoint that was taken elsewhere, and a run that is to write elsewhere, open a new version", async () => {
  await ltrain("train", "--config", config, "--quiet");
  const copy = join(folder, "copy.ckpt");
  await copyFile(checkpointOf(8), copy);
  const copied = await ltrain("resume", copy, "--trainer.max_epochs", "2");
  expect(copied.messages).toContain("run      runs/lightning_logs/version_1\n");
  const moved = await ltrain("resume", run0, "--trainer.max_epochs", "2", `--trainer.default_root_dir=${folder}/other`);
  expect(moved.messages).toContain("run      other/lightning_logs/version_0\n");
  expect(await readdir(join(run0, "checkpoints"))).toEqual(["checkpoints.jsonl", "epoch=0-step=8.ckpt"]);
});

test("a checkpoint of Lightning's has no config: --config says what to build", async () => {
  const path = new URL("../fixtures/lightning/autoencoder-adam-steplr.ckpt", import.meta.url).pathname;
  const { code, messages } = await ltrain("resume", path);
  expect(code).toBe(2);
  expect(messages).toMatch(/^error: there is no config in \S+ \(Lightning 2\.6\.6 wrote it\)\n/);
  expect(messages).toMatch(/\nhint: {2}say what to build: ltrain resume \S+ --config FILE\n$/);
});

test("there is nothing to resume where there are no checkpoints", async () => {
  const { code, messages } = await ltrain("resume", folder);
  expect(code).toBe(4);
  expect(messages).toContain("error: there is no checkpoint under ");
});

test("--print-config shows the config in the checkpoint with the overrides on top", async () => {
  await ltrain("train", "--config", config, "--quiet");
  const { output } = await ltrain("resume", run0, "--trainer.max_epochs", "7", "--print-config");
  expect(output).toContain("  max_epochs: 7\n");
  expect(output).toContain(`    data_dir: ${folder}/images\n`);
});

/** A byte of the weights is turned over: only a checksum can see it. */
async function damage(path: string): Promise<void> {
  const bytes = await readFile(path);
  const at = bytes.indexOf("data/0") + 512; // the first tensor begins at a multiple of 64 behind its name, and is larger
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

test("the newest sound checkpoint goes on, the others are named with what is wrong, and all of them are kept", async () => {
  const keepAll = ["--trainer.callbacks", "ModelCheckpoint", "--trainer.callbacks.save_top_k", "-1"];
  await ltrain("train", "--config", config, "--quiet", "--trainer.max_epochs", "4", ...keepAll);
  const names = await readdir(join(run0, "checkpoints"));
  const unbroken = await readFile(checkpointOf(32));
  await damage(checkpointOf(32));
  await writeFile(checkpointOf(24), (await readFile(checkpointOf(24))).subarray(0, 3000));
  const { code, messages } = await ltrain("resume", run0);
  expect(messages).toMatch(/^warning: passed over \S+epoch=3-step=32\.ckpt: record "\S+data\/0" .*; it is kept$/m);
  expect(messages).toMatch(/^warning: passed over \S+epoch=2-step=24\.ckpt: .*; it is kept$/m);
  expect(messages).toContain(
    "using runs/lightning_logs/version_0/checkpoints/epoch=1-step=16.ckpt (the newest sound one: epoch 1, global step 16)\n",
  );
  expect(code).toBe(0);
  // What was trained again has names of its own; the damaged files are as they were.
  const now = await readdir(join(run0, "checkpoints"));
  expect(now).toEqual(expect.arrayContaining(names));
  expect((await readFile(checkpointOf(32))).equals(unbroken)).toBe(false);
});

test("a damaged checkpoint that is named is an error, and nothing is trained from it", async () => {
  await ltrain("train", "--config", config, "--quiet");
  await damage(checkpointOf(8));
  const { code, messages } = await ltrain("resume", checkpointOf(8), "--trainer.max_epochs", "2");
  expect(code).toBe(3);
  expect(messages).toContain("it is not resumed from\nhint:  name the run's folder instead");
  const none = await ltrain("resume", run0, "--trainer.max_epochs", "2");
  expect(none.code).toBe(3);
  expect(none.messages).toContain("error: none of 1 checkpoint under ");
});
