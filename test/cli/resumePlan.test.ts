import { mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { Generator, randperm } from "../../src/tensor/generator.js";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { PyDict } from "../../src/pickle/values.js";
import { writeTinyMnist } from "./tinyMnist.js";

let folder: string;
let config: string;
const run0 = "runs/lightning_logs/version_0";
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-plan-")));
  await writeTinyMnist(join(folder, "images"), 40, 8);
  config = join(folder, "c.yaml");
  // 8 batches of 4 to train on, 2 to validate on; stopped in the middle of the second epoch
  await writeFile(
    config,
    `seed_everything: 1
model: {class_path: LitAutoEncoder, init_args: {hidden: 4, latent: 2, lr: 0.01}}
data: {class_path: MNISTDataModule, init_args: {data_dir: images, val_size: 8, batch_size: 4}}
trainer: {max_epochs: 3, max_steps: 11, default_root_dir: "${folder}/runs", accelerator: cpu, log_every_n_steps: 4}
`,
  );
  await ltrain("train", "--config", config, "--quiet");
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  readonly output: string;
  readonly messages: string;
}

async function ltrain(...args: readonly string[]): Promise<Ran> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  const plain = (text: string): string => text.replaceAll(`${folder}/`, "");
  return { code, output: plain(terminal.output), messages: plain(terminal.messages) };
}

/** Every file below the run, its size and when it was changed. */
async function everything(): Promise<string[]> {
  const names = await readdir(join(folder, "runs"), { recursive: true });
  return Promise.all(
    names.sort().map(async (name) => {
      const { size, mtimeMs } = await stat(join(folder, "runs", name));
      return `${name} ${size} ${mtimeMs}`;
    }),
  );
}

test("--plan says what is restored, what has changed and what comes next, and does nothing", async () => {
  const before = await everything();
  const { code, output } = await ltrain(
    "resume",
    join(folder, run0),
    "--plan",
    "--trainer.max_steps",
    "-1",
    "--model.lr",
    "0.5",
  );
  expect(code).toBe(0);
  expect(await everything()).toEqual(before);
  expect(output).toMatch(/^from +runs\/\S+step=11\.ckpt \(epoch 1, step 11; sound, \d+ checksums right\)$/m);
  expect(output).toMatch(
    /^restores +weights: 8 tensors; optimizer 0: state of 8 parameters; .*random state; data position/m,
  );
  expect(output).toMatch(/^run +runs\/lightning_logs\/version_0 \(the run goes on there\)$/m);
  expect(output).toMatch(/^harmless +trainer\.max_steps: 11 -> -1$/m);
  expect(output).toMatch(/^changes the mathematics +model\.init_args\.lr: 0\.01 -> 0\.5$/m);
  expect(output).toMatch(/^lr +0\.01$/m); // the optimizer's, as it is in the file
  expect(output).toMatch(/^disk +\S+checkpoints: up to 2 more checkpoints of .* KiB in all; .* free$/m);
});

test("the next batch's examples are those of the order that the checkpoint's seed gives", async () => {
  const { output } = await ltrain("resume", join(folder, run0), "--plan", "--json", "--trainer.max_steps", "-1");
  const { checkpoint, close } = await loadCheckpoint(join(folder, run0, "checkpoints/epoch=1-step=11.ckpt"));
  await close();
  const data = checkpoint.ltrain?.get("data");
  const cursor = data instanceof PyDict ? data.get("train") : undefined;
  const seed = cursor instanceof PyDict ? cursor.get("sampler_seed") : undefined;
  const order = randperm(new Generator(seed as bigint), 32);
  expect(JSON.parse(output)).toMatchObject({
    next: { epoch: 1, batch: 3, batches: 8, examples: [...order.subarray(12, 16)], due: null },
    config: { harmless: ["trainer.max_steps: 11 -> -1"], "changes-the-mathematics": [] },
    impossible: [],
    goes_on_there: true,
    lr: [0.01],
  });
});

test("what cannot go on is told with the reason, and is exit code 5", async () => {
  const before = await everything();
  const { code, output, messages } = await ltrain("resume", join(folder, run0), "--plan", "--model.hidden", "8");
  expect(code).toBe(5);
  expect(output).toMatch(/^impossible +.*encoder\.0\.weight is \[4, 784\] in the file, \[8, 784\] in the model/m);
  expect(messages).toContain("cannot be resumed like this");
  const smaller = await ltrain("resume", join(folder, run0), "--plan", "--data.batch_size", "2");
  expect(smaller.code).toBe(5);
  expect(smaller.output).toMatch(/^impossible +.*batch_size 4; here batch_size is 2$/m);
  expect(await everything()).toEqual(before);
});

test("other data is impossible too, unless it is allowed", async () => {
  await writeTinyMnist(join(folder, "images"), 44, 8);
  const refused = await ltrain("resume", join(folder, run0), "--plan", "--trainer.max_steps", "-1");
  expect(refused.code).toBe(5);
  expect(refused.output).toMatch(/^impossible +the training data has changed: it has 36 examples, and had 32$/m);
  const trained = await ltrain("resume", join(folder, run0), "--trainer.max_steps", "-1");
  expect([trained.code, trained.messages]).toEqual([5, expect.stringContaining("--allow-data-change") as string]);
  const allowed = await ltrain("resume", join(folder, run0), "--trainer.max_steps", "-1", "--allow-data-change");
  expect(allowed.code).toBe(0);
  expect(allowed.messages).toContain("warning: the training data has changed: it has 36 examples, and had 32\n");
});

test("config differences are sorted: of several the impossible one is found, with its reason", async () => {
  const words = ["--model.hidden", "8", "--model.lr", "0.5", "--trainer.max_steps", "-1", "--data.num_workers", "1"];
  const { code, output } = await ltrain("resume", join(folder, run0), "--plan", "--json", ...words);
  expect(code).toBe(5);
  const plan = JSON.parse(output) as { config: unknown; impossible: string[] };
  expect(plan.config).toEqual({
    harmless: ["data.init_args.num_workers: 0 -> 1", "trainer.max_steps: 11 -> -1"],
    "changes-the-mathematics": ["model.init_args.lr: 0.01 -> 0.5"],
  });
  expect(plan.impossible).toEqual([
    expect.stringMatching(
      /^model\.init_args\.hidden: 4 -> 8: .*\[4, 784\] in the file, \[8, 784\] in the model/,
    ) as string,
  ]);
});

test("a learning rate schedule that the checkpoint has no state of is impossible, and resume says the same", async () => {
  const words = [
    "--optimizer",
    "Adam",
    "--lr_scheduler",
    "StepLR",
    "--lr_scheduler.step_size",
    "1",
    "--trainer.max_steps",
    "-1",
  ];
  const plan = await ltrain("resume", join(folder, run0), "--plan", ...words);
  expect([plan.code, plan.output]).toEqual([
    5,
    expect.stringMatching(
      /^impossible +(optimizer|lr_scheduler)\S*: .*the state of no lr schedulers, this run has 1 /m,
    ) as string,
  ]);
  const resumed = await ltrain("resume", join(folder, run0), ...words);
  expect([resumed.code, resumed.messages]).toEqual([
    5,
    expect.stringContaining("the checkpoint has the state of no lr schedulers, this run has 1 lr scheduler") as string,
  ]);
});

test("a finished run has no next batch", async () => {
  const { code, output } = await ltrain("resume", join(folder, run0), "--plan");
  expect(code).toBe(0);
  expect(output).toMatch(/^next +nothing is left to train/m);
  expect(await readFile(join(folder, run0, "metrics.csv"), "utf8")).toContain("step");
});
