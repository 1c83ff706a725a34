import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readJournal } from "../../src/checkpoint/checkpointJournal.js";
import { findNewestCheckpoint } from "../../src/checkpoint/findCheckpoints.js";
import { isSound } from "../../src/checkpoint/verification.js";
import { verifyCheckpoint } from "../../src/checkpoint/verifyCheckpoint.js";
import { LtrainError } from "../../src/errors.js";
import { nodeFiles } from "../../src/io/fileOperations.js";
import { faultyFiles } from "../io/faults.js";
import { inFolder } from "../io/folder.js";
import { checkpointOf, savePlanned } from "./savedTree.js";
import type { PlannedSave } from "./savedTree.js";
import { torchCheckpointIO } from "../../src/checkpoint/checkpointIO.js";

const FIRST: PlannedSave = { step: 1, names: ["step=1.ckpt", "last.ckpt"] };
const SECOND: PlannedSave = {
  step: 2,
  names: ["step=2.ckpt", "last.ckpt"],
  replicas: [{ from: "step=2.ckpt", name: "best.ckpt", share: true }],
  retired: ["step=1.ckpt"],
};

/** Every file with a final name is sound, and the newest is of one of these steps. */
async function newestSound(folder: string): Promise<number> {
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".ckpt"))) {
    const verification = await verifyCheckpoint(join(folder, name));
    expect([name, verification.problems]).toEqual([name, []]);
    expect(isSound(verification)).toBe(true);
  }
  return (await findNewestCheckpoint(folder)).globalStep;
}

test.each(["EIO", "ENOSPC", "EDQUOT", "EROFS", "EACCES"])(
  "whichever operation of a save fails with %s, it is told, every file with a name is sound and a checkpoint is found",
  (errno) =>
    inFolder(async (folder) => {
      const count = await inCopy(folder, "probe", async (place) => {
        const probe = faultyFiles(nodeFiles, undefined, 1000);
        await savePlanned(SECOND, place, probe);
        return probe.names.length;
      });
      expect(count).toBeGreaterThan(60);
      let unnoticed = 0;
      for (let at = 0; at < count; at += 1) {
        await inCopy(folder, String(at), async (place) => {
          const files = faultyFiles(nodeFiles, { at, errno }, 1000);
          const error = await savePlanned(SECOND, place, files).then(
            () => null,
            (reason: unknown) => reason,
          );
          const failed = files.names[at] ?? "";
          const newest = await newestSound(place);
          expect(newest).toBeGreaterThanOrEqual(1);
          if (error === null) {
            // Only what was asked again, or another way was found for (the removal of a temp file never made among it), may go unnoticed, and then everything is there.
            expect(["status", "read", "hardLink", "clone", "freeSpace", "unlink"]).toContain(failed);
            expect(newest).toBe(2);
            expect(existsSync(join(place, "best.ckpt"))).toBe(true);
            unnoticed += 1;
            return;
          }
          if (!(error instanceof LtrainError)) throw new Error(`${failed} failed otherwise`, { cause: error });
          const isFull =
            (errno === "ENOSPC" || errno === "EDQUOT") && !["open", "file status", "read"].includes(failed);
          if (failed === "write") expect(error.code).toBe(isFull ? "disk.full" : "io.failed");
          expect(["disk.full", "io.failed", "io.durabilityUncertain"]).toContain(error.code);
          if (error.code === "io.durabilityUncertain") expect(failed).toBe("syncFolder");
          expect(error.exitCode).toBe(6);
          expect(error.message).toContain(errno);
          expect(readdirSync(place).filter((name) => name.endsWith(".tmp"))).toEqual([]);
          // What the save was to take the place of is removed only by its last steps.
          const isRetired = !existsSync(join(place, "step=1.ckpt"));
          if (isRetired) expect([newest, existsSync(join(place, "best.ckpt"))]).toEqual([2, true]);
          // The run goes on: the same save, once more, is whole.
          await savePlanned(SECOND, place, nodeFiles).catch((again: unknown) => {
            throw new Error(`the second try after ${failed}: ${String(again)}`);
          });
          expect(await newestSound(place)).toBe(2);
        });
      }
      expect(unnoticed).toBeLessThan(12);
      process.stderr.write(`faults: ${count} operations, ${errno} at each\n`);
    }),
);

async function inCopy<T>(folder: string, name: string, run: (place: string) => Promise<T>): Promise<T> {
  const place = join(folder, name);
  mkdirSync(place);
  await savePlanned(FIRST, place, nodeFiles);
  return run(place);
}

test("an fsync that failed is not tried again on the same file", () =>
  inFolder(async (folder) => {
    const probe = faultyFiles(nodeFiles, undefined);
    await savePlanned(FIRST, join(folder, "a"), probe);
    for (const [at, name] of probe.names.entries()) {
      if (name !== "sync") continue;
      const files = faultyFiles(nodeFiles, { at, errno: "EIO" });
      await expect(savePlanned(FIRST, join(folder, `b${at}`), files)).rejects.toThrow("EIO");
      // Closed and removed, and nothing else is done.
      expect(files.names.slice(at)).toEqual(expect.not.arrayContaining(["rename", "syncFolder"]));
      expect(files.names.slice(at + 1).filter((each) => each === "sync")).toEqual([]);
    }
  }));

test("writes that take one byte at a time, or any number, make the same file", () =>
  inFolder(async (folder) => {
    const content = async (name: string, mostPerWrite: number): Promise<string> => {
      const place = join(folder, name);
      await savePlanned({ step: 1, names: ["a.ckpt"] }, place, faultyFiles(nodeFiles, undefined, mostPerWrite));
      return readFileSync(join(place, "a.ckpt"), "base64");
    };
    const whole = await content("whole", Infinity);
    expect(await content("one", 1)).toBe(whole);
    for (const most of [7, 100, 511]) expect(await content(String(most), most)).toBe(whole);
  }));

test("what does not read back as it was written does not take its name", () =>
  inFolder(async (folder) => {
    await savePlanned(FIRST, folder, nodeFiles);
    const before = readFileSync(join(folder, "last.ckpt"), "base64");
    for (const at of [300, 900, 1500]) {
      const files = {
        ...nodeFiles,
        open: async (path: string, mode: Parameters<typeof nodeFiles.open>[1]) => {
          const file = await nodeFiles.open(path, mode);
          if (mode !== "create") return file;
          // A disk that takes other bytes than it was given.
          const write = (bytes: Uint8Array): Promise<number> => {
            const wrong = bytes.slice();
            wrong[at] = (wrong[at] ?? 0) ^ 4;
            return file.write(wrong);
          };
          return {
            write,
            sync: () => file.sync(),
            close: () => file.close(),
            status: () => file.status(),
            read: (...where: Parameters<typeof file.read>) => file.read(...where),
          };
        },
      };
      await expect(savePlanned({ step: 2, names: ["last.ckpt"] }, folder, files)).rejects.toMatchObject({
        code: "io.failed",
      });
      expect(readFileSync(join(folder, "last.ckpt"), "base64")).toBe(before);
    }
  }));

test("a journal whose last line was torn is read up to there, and the next line stands for itself", () =>
  inFolder(async (folder) => {
    await savePlanned(FIRST, folder, nodeFiles);
    const path = join(folder, "checkpoints.jsonl");
    const whole = readFileSync(path, "utf8");
    const [first = ""] = whole.split("\n");
    for (let cut = 0; cut < whole.length; cut += 7) {
      writeFileSync(path, whole.slice(0, cut));
      const kept = (await readJournal(folder)).length;
      expect(kept).toBe(cut > first.length || cut === first.length ? 1 : 0);
      await savePlanned({ step: 3, names: ["step=3.ckpt"] }, folder, nodeFiles);
      const entries = await readJournal(folder);
      expect(entries.map(({ step }) => step)).toEqual([...(kept === 1 ? [1] : []), 3]);
    }
    expect((await readJournal(folder)).at(-1)).toMatchObject({
      path: "step=3.ckpt",
      epoch: 3,
      metrics: { val_loss: 1 / 3 },
    });
  }));

test("metrics that JSON has no number for are text in the journal", () =>
  inFolder(async (folder) => {
    const metrics = new Map([
      ["a", NaN],
      ["b", -Infinity],
    ]);
    const order = {
      files: [{ path: join(folder, "a.ckpt"), checkpoint: checkpointOf(1) }],
      replicas: [],
      retired: [],
      metrics,
    };
    await (await torchCheckpointIO().prepare(order, false)).write();
    expect((await readJournal(folder))[0]?.metrics).toEqual({ a: "NaN", b: "-Infinity" });
  }));
