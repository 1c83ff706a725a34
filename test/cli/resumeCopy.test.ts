import { createHash } from "node:crypto";
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { writeTinyMnist } from "./tinyMnist.js";

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-copy-")));
  await writeTinyMnist(join(folder, "images"), 40, 8);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The best, last.ckpt and best.ckpt after every epoch of two; validation loss falls with every epoch. */
async function trainOriginal(dirpath: string | null): Promise<string> {
  const where = dirpath === null ? "" : `, dirpath: "${dirpath}"`;
  const config = join(folder, "c.yaml");
  await writeFile(
    config,
    `seed_everything: 1
model: {class_path: LitAutoEncoder, init_args: {hidden: 4, latent: 2}}
data: {class_path: MNISTDataModule, init_args: {data_dir: images, val_size: 8, batch_size: 4}}
trainer:
  max_epochs: 2
  default_root_dir: "${folder}/runs"
  accelerator: cpu
  callbacks: [{class_path: ModelCheckpoint, init_args: {monitor: val_loss, save_last: true, save_best: true${where}}}]
`,
  );
  expect((await ltrain("train", "--config", config, "--quiet")).code).toBe(0);
  return dirpath ?? join(folder, "runs", "lightning_logs", "version_0", "checkpoints");
}

async function ltrain(...args: readonly string[]): Promise<{ readonly code: number; readonly messages: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, messages: terminal.messages };
}

/** Every checkpoint in a folder, and what is in it. */
async function contents(checkpoints: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(checkpoints)).filter((each) => each.endsWith(".ckpt")).sort()) {
    found[name] = createHash("sha256")
      .update(await readFile(join(checkpoints, name)))
      .digest("hex");
  }
  return found;
}

const ORIGINAL = ["best.ckpt", "epoch=1-step=16.ckpt", "last.ckpt"];

test.each<[string, (checkpoints: string) => Promise<string>]>([
  [
    "of one file",
    async (checkpoints) => {
      const copy = join(folder, "copy.ckpt");
      await copyFile(join(checkpoints, "last.ckpt"), copy);
      return copy;
    },
  ],
  [
    "of the whole run",
    async (checkpoints) => {
      const copy = join(folder, "elsewhere", "lightning_logs", "version_7");
      await cp(join(checkpoints, ".."), copy, { recursive: true });
      return copy;
    },
  ],
])("a run that goes on from a copy %s leaves every checkpoint of the original as it is", async (_, copyOf) => {
  const checkpoints = await trainOriginal(null);
  const before = await contents(checkpoints);
  expect(Object.keys(before)).toEqual(ORIGINAL);
  const copy = await copyOf(checkpoints);
  expect((await ltrain("resume", copy, "--trainer.max_epochs", "4", "--quiet")).code).toBe(0);
  expect(await contents(checkpoints)).toEqual(before);
});

test("also where both of them save in one folder", async () => {
  const checkpoints = await trainOriginal(join(folder, "shared"));
  const before = await contents(checkpoints);
  expect(Object.keys(before)).toEqual(ORIGINAL);
  const copy = join(folder, "copy.ckpt");
  await copyFile(join(checkpoints, "last.ckpt"), copy);
  expect((await ltrain("resume", copy, "--trainer.max_epochs", "4", "--quiet")).code).toBe(0);
  expect(await contents(checkpoints)).toMatchObject(before);
  // The run itself, gone on with from its own file, replaces what it wrote.
  const own = ["resume", join(checkpoints, "last.ckpt"), "--trainer.max_epochs", "3", "--quiet"];
  expect((await ltrain(...own)).code).toBe(0);
  const after = await contents(checkpoints);
  expect(after["last.ckpt"]).not.toBe(before["last.ckpt"]);
  expect(after["epoch=1-step=16.ckpt"]).toBeUndefined();
});

test("the newest is what says so inside, whatever its name and its date", async () => {
  const checkpoints = await trainOriginal(null);
  const bare = join(folder, "bare"); // without a journal
  await mkdir(bare);
  await copyFile(join(checkpoints, "last.ckpt"), join(bare, "a.ckpt"));
  expect((await ltrain("resume", join(bare, "a.ckpt"), "--trainer.max_epochs", "3", "--quiet")).code).toBe(0);
  const further = join(folder, "runs", "lightning_logs", "version_1", "checkpoints", "last.ckpt");
  await copyFile(further, join(bare, "b.ckpt"));
  await copyFile(join(checkpoints, "last.ckpt"), join(bare, "c.ckpt"));
  await utimes(join(bare, "b.ckpt"), new Date(0), new Date(0));
  const { messages } = await ltrain("resume", bare, "--plan", "--trainer.max_epochs", "4");
  expect(messages).toMatch(/using \S+b\.ckpt \(the newest: epoch 2, global step 24\)/);
});
