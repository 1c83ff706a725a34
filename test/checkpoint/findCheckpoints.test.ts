import { cp, mkdtemp, mkdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { emptyCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { torchCheckpointIO } from "../../src/checkpoint/checkpointIO.js";
import { findNewestCheckpoint, searchCheckpoints } from "../../src/checkpoint/findCheckpoints.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/lightning/", import.meta.url));

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "find-checkpoints-"));
});

/** A file as Lightning leaves it: without a journal beside it. */
async function save(path: string, epoch: number, globalStep: number, seconds = 1000): Promise<string> {
  const full = await saveInJournal(path, epoch, globalStep, seconds);
  await rm(join(dirname(full), "checkpoints.jsonl"));
  return full;
}

async function saveInJournal(path: string, epoch: number, globalStep: number, seconds = 1000): Promise<string> {
  const full = join(root, path);
  await torchCheckpointIO().save({ ...emptyCheckpoint(), lightningVersion: "2.6.6", epoch, globalStep }, full);
  await utimes(full, seconds, seconds);
  return full;
}

test("the newest run is the highest version by number, not by name", async () => {
  await save("lightning_logs/version_9/checkpoints/epoch=9-step=900.ckpt", 9, 900);
  const newest = await save("lightning_logs/version_10/checkpoints/epoch=0-step=5.ckpt", 0, 5);
  for (const place of ["", "lightning_logs", "lightning_logs/version_10", "lightning_logs/version_10/checkpoints"]) {
    const found = await findNewestCheckpoint(join(root, place));
    expect(found).toMatchObject({ path: newest, searched: true, epoch: 0, globalStep: 5, skipped: [] });
  }
});

test("a run without a checkpoint is passed over for the one before it", async () => {
  const newest = await save("lightning_logs/version_0/checkpoints/a.ckpt", 1, 10);
  await mkdir(join(root, "lightning_logs/version_1/checkpoints"), { recursive: true });
  expect((await findNewestCheckpoint(root)).path).toBe(newest);
});

test("within a run the file's own step decides, not its name or its age on disk", async () => {
  const newest = await save("run/checkpoints/a.ckpt", 1, 20, 1000);
  await save("run/checkpoints/z.ckpt", 1, 10, 2000);
  expect((await findNewestCheckpoint(join(root, "run"))).path).toBe(newest);
});

test("of two files at the same step the one written later is taken", async () => {
  await save("run/epoch=1-step=10.ckpt", 1, 10, 1000);
  const last = await save("run/last.ckpt", 1, 10, 1001);
  expect((await findNewestCheckpoint(join(root, "run"))).path).toBe(last);
});

test("a run that went back to an earlier step and on from there is newest where its journal says so", async () => {
  await saveInJournal("run/step=1000.ckpt", 9, 1000, 3000);
  await saveInJournal("run/last.ckpt", 5, 600, 3000);
  const back = await saveInJournal("run/step=510.ckpt", 5, 510, 1000);
  expect((await findNewestCheckpoint(join(root, "run"))).path).toBe(back);
  // last.ckpt is written again: only its last line is about what it holds now.
  const last = await saveInJournal("run/last.ckpt", 5, 520, 1000);
  expect((await findNewestCheckpoint(join(root, "run"))).path).toBe(last);
  const { candidates } = await searchCheckpoints(join(root, "run"));
  expect(candidates.map(({ globalStep }) => globalStep)).toEqual([520, 510, 1000]);
});

test("a file that the journal does not know is the newest only when it is further than the journal's newest", async () => {
  const known = await saveInJournal("run/a.ckpt", 1, 20);
  const journal = await readFile(join(root, "run/checkpoints.jsonl"));
  await save("run/b.ckpt", 1, 10, 2000);
  await writeFile(join(root, "run/checkpoints.jsonl"), journal);
  expect((await findNewestCheckpoint(join(root, "run"))).path).toBe(known);
  const ahead = await save("run/c.ckpt", 1, 30, 500);
  await writeFile(join(root, "run/checkpoints.jsonl"), journal);
  expect((await findNewestCheckpoint(join(root, "run"))).path).toBe(ahead);
});

test("a damaged file is passed over and told, a half-written temp file is not even looked at", async () => {
  const good = await save("run/a.ckpt", 1, 10);
  await writeFile(join(root, "run/b.ckpt"), "PK\u0003\u0004 and no more");
  await writeFile(join(root, "run/.b.ckpt.12.ab.tmp"), "");
  const found = await findNewestCheckpoint(join(root, "run"));
  expect(found.path).toBe(good);
  expect(found.skipped.map(({ path }) => path)).toEqual([join(root, "run/b.ckpt")]);
});

test("a file is itself, whatever lies beside it", async () => {
  const path = await save("a.ckpt", 0, 1);
  expect(await findNewestCheckpoint(path)).toMatchObject({ path, searched: false });
});

test("nothing there, and a folder without a checkpoint, are two different errors", async () => {
  await expect(findNewestCheckpoint(join(root, "nothere"))).rejects.toMatchObject({ code: "file.missing" });
  await expect(findNewestCheckpoint(root)).rejects.toMatchObject({ code: "checkpoint.missing", exitCode: 4 });
});

test("a folder that is a distributed checkpoint is the checkpoint, and is found among others by its step", async () => {
  const sharded = join(root, "checkpoints", "sharded.ckpt");
  await cp(join(FIXTURES, "dcp-many-files.ckpt"), sharded, { recursive: true });
  expect(await findNewestCheckpoint(sharded)).toMatchObject({ path: sharded, searched: false });
  expect(await findNewestCheckpoint(root)).toMatchObject({ path: sharded, searched: true, globalStep: 8, skipped: [] });
});
