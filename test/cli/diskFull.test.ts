import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isSound } from "../../src/checkpoint/verification.js";
import { verifyCheckpoint } from "../../src/checkpoint/verifyCheckpoint.js";
import type { Finished } from "./spawnLtrain.js";
import { spawnLtrain } from "./spawnLtrain.js";
import { writeTinyMnist } from "./tinyMnist.js";

let folder: string;
let disk: string;
let isMounted = false;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-disk-")));
  disk = join(folder, "disk");
  await mkdir(disk);
  isMounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]).status === 0;
  if (!isMounted) process.stderr.write("no small disk can be mounted here: nothing is tried on a real one\n");
  await writeTinyMnist(join(folder, "images"), 40, 8);
  await writeFile(
    join(folder, "c.yaml"),
    `seed_everything: 1
model: {class_path: LitAutoEncoder, init_args: {hidden: 64, latent: 2}}
data: {class_path: MNISTDataModule, init_args: {data_dir: images, val_size: 8, batch_size: 4}}
trainer:
  max_steps: 20
  max_epochs: -1
  default_root_dir: disk
  accelerator: cpu
  log_every_n_steps: 1
  logger: [{class_path: CSVLogger}, {class_path: JSONLinesLogger}]
  callbacks:
    - {class_path: ./fill.ts:Fill}
    - {class_path: ModelCheckpoint, init_args: {every_n_train_steps: 5, save_top_k: -1}}
`,
  );
  // Somebody who takes all the room but FILL_LEFT bytes once FILL_AFTER checkpoints are there.
  await writeFile(
    join(folder, "fill.ts"),
    `import { appendFileSync, statfsSync } from "node:fs";
import { Callback } from "ltrain";
export class Fill extends Callback {
  #saved = 0;
  override onCheckpointSaved(): void {
    this.#saved += 1;
    if (String(this.#saved) !== process.env["FILL_AFTER"]) return;
    const { bavail, bsize } = statfsSync("disk");
    appendFileSync("disk/filler", new Uint8Array(bavail * bsize - Number(process.env["FILL_LEFT"])));
  }
}`,
  );
});
afterEach(async () => {
  if (isMounted) execFileSync("umount", [disk]);
  await rm(folder, { recursive: true, force: true });
});

const filler = (): string => join(disk, "filler");

/** Train; `paused` is called when the run says that it waits. Checkpoints are 1.2 MB, and a save leaves 1 MiB free. */
function train(
  policy: string,
  fill: { after: number; left: number },
  paused = (): void => undefined,
): Promise<Finished> {
  const args = ["train", "--config", "c.yaml", "--trainer.on_disk_full", policy];
  let isPaused = false;
  const watch = (text: string): void => {
    if (isPaused || !text.includes("training pauses")) return;
    isPaused = true;
    paused();
  };
  return spawnLtrain(folder, args, watch, { FILL_AFTER: String(fill.after), FILL_LEFT: String(fill.left) });
}

/** Steps of the checkpoints that are there, every one of which is sound; there are no temp files. */
async function stepsThere(): Promise<number[]> {
  const checkpoints = join(disk, "lightning_logs", "version_0", "checkpoints");
  const names = readdirSync(checkpoints);
  expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);
  const files = names.filter((name) => name.endsWith(".ckpt"));
  for (const name of files) {
    expect([name, isSound(await verifyCheckpoint(join(checkpoints, name)))]).toEqual([name, true]);
  }
  return files.map((name) => Number(/step=(\d+)/.exec(name)?.[1])).sort((a, b) => a - b);
}

test("stop: a disk that somebody else fills ends the run with exit code 6, and what was saved is there", async () => {
  if (!isMounted) return;
  const { code, stderr } = await train("stop", { after: 2, left: 0 });
  expect([code, stderr]).toEqual([6, expect.stringMatching(/^error: .*(are free|no space left.*)$/m) as string]);
  expect(await stepsThere()).toEqual([5, 10]);
  // With room again it goes on to its end.
  rmSync(filler());
  const resumed = await spawnLtrain(folder, ["resume", "disk", "--quiet"]);
  expect([resumed.code, resumed.stderr]).toEqual([0, expect.not.stringContaining("error") as string]);
  expect((await stepsThere()).at(-1)).toBe(20);
}, 120_000);

test("pause: the run waits until there is room, and ends with everything saved", async () => {
  if (!isMounted) return;
  const { code, stderr } = await train("pause", { after: 2, left: 0 }, () => {
    rmSync(filler());
  });
  expect([code, stderr]).toEqual([0, expect.stringContaining("training pauses until there is room") as string]);
  expect(await stepsThere()).toEqual([5, 10, 15, 20]);
  // Rows that found no room are there in the end: one of each of 20 steps, and of the validations in between.
  const lines = (await readFile(join(disk, "lightning_logs", "version_0", "metrics.jsonl"), "utf8")).trim().split("\n");
  const steps = lines.map((line) => JSON.parse(line) as { step: number; train_loss?: number });
  const trained = steps.filter((row) => row.train_loss !== undefined).map(({ step }) => step);
  expect(trained).toEqual([...Array(20).keys()]);
}, 120_000);

test("prune: the run's older checkpoints make room, somebody else's file stays", async () => {
  if (!isMounted) return;
  // A save takes 1.2 MB and leaves 1 MiB: with 1.5 MB one older checkpoint has to go for each.
  const { code, stderr } = await train("prune", { after: 2, left: 1_500_000 });
  expect([code, stderr]).toEqual([0, expect.stringMatching(/the disk is full .*: removing \S+step=5\.ckpt/) as string]);
  expect(await stepsThere()).toEqual([15, 20]);
  expect(readdirSync(disk)).toContain("filler");
}, 120_000);

test("a disk that becomes read-only in mid-run ends it with exit code 6 and that reason, and what was saved is there", async () => {
  if (!isMounted) return;
  await writeFile(
    join(folder, "freeze.ts"),
    `import { execFileSync } from "node:child_process";
import { Callback } from "ltrain";
export class Freeze extends Callback {
  override onCheckpointSaved(): void {
    execFileSync("mount", ["-o", "remount,ro", "disk"]);
  }
}`,
  );
  const callbacks =
    "[{class_path: ./freeze.ts:Freeze}, {class_path: ModelCheckpoint, init_args: {every_n_train_steps: 5}}]";
  await writeFile(join(folder, "freeze.yaml"), `trainer: {callbacks: ${callbacks}}\n`);
  const { code, stderr } = await spawnLtrain(folder, ["train", "--config", "c.yaml", "--config", "freeze.yaml"]);
  expect([code, stderr]).toEqual([
    6,
    expect.stringMatching(/^error: cannot write .*read-only file system.*\(EROFS\)$/m) as string,
  ]);
  expect(await stepsThere()).toEqual([5]);
  execFileSync("mount", ["-o", "remount,rw", disk]);
  expect((await spawnLtrain(folder, ["resume", "disk", "--config", "c.yaml", "--quiet"])).code).toBe(0);
}, 120_000);
