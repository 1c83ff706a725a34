import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { torchCheckpointIO } from "../../src/checkpoint/checkpointIO.js";
import { findNewestCheckpoint } from "../../src/checkpoint/findCheckpoints.js";
import { isSound } from "../../src/checkpoint/verification.js";
import { verifyCheckpoint } from "../../src/checkpoint/verifyCheckpoint.js";
import { nodeFiles } from "../../src/io/fileOperations.js";
import { inFolder } from "../io/folder.js";
import { checkpointOf } from "./savedTree.js";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
/** 100 kB each. */
const NUMEL = 25_000;

/** Save checkpoints until something is in the way; gives what, and the last step that was saved. */
async function saveUntilFull(folder: string): Promise<{ readonly last: number; readonly error: unknown }> {
  // The disk is not asked beforehand: what is tried here is a write that is cut short.
  const files = { ...nodeFiles, freeSpace: () => Promise.resolve(1e12) };
  for (let step = 1; step < 100; step += 1) {
    try {
      await torchCheckpointIO({ files }).save(checkpointOf(step, NUMEL), join(folder, `step=${step}.ckpt`));
    } catch (error) {
      return { last: step - 1, error };
    }
  }
  return { last: 99, error: null };
}

/** A disk of 1 MiB at the folder; false where this process may not mount one. */
function mountSmallDisk(folder: string): boolean {
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status === 0;
}

test("on a disk that is really full every saved file is sound, no temp file is left, and with room it goes on", () =>
  inFolder(async (folder) => {
    const disk = join(folder, "disk");
    mkdirSync(disk);
    if (!mountSmallDisk(disk)) {
      process.stderr.write("no small disk can be mounted here: only the limit on file sizes is tried\n");
      return;
    }
    try {
      const { last, error } = await saveUntilFull(disk);
      expect(error).toMatchObject({ code: "disk.full" });
      expect(last).toBeGreaterThan(5);
      expect(readdirSync(disk).filter((name) => name.endsWith(".tmp"))).toEqual([]);
      for (let step = 1; step <= last; step += 1) {
        expect(isSound(await verifyCheckpoint(join(disk, `step=${step}.ckpt`)))).toBe(true);
      }
      expect((await findNewestCheckpoint(disk)).globalStep).toBe(last);
      // Asked beforehand, the disk says so before a byte is written.
      const asked = torchCheckpointIO().save(checkpointOf(50, NUMEL), join(disk, "last.ckpt"));
      await expect(asked).rejects.toThrow(
        /there is no room for a checkpoint in .*: it takes \d+ bytes, and \d+ are free/,
      );
      for (const step of [1, 2, 3]) rmSync(join(disk, `step=${step}.ckpt`));
      await torchCheckpointIO({ files: { ...nodeFiles, freeSpace: () => Promise.resolve(1e12) } }).save(
        checkpointOf(50, NUMEL),
        join(disk, "last.ckpt"),
      );
      expect((await findNewestCheckpoint(disk)).globalStep).toBe(50);
    } finally {
      execFileSync("umount", [disk]);
    }
  }));

/** A program that saves a checkpoint with what is built, and says how it went. */
function saveScript(folder: string): string {
  const url = (file: string): string => JSON.stringify(pathToFileURL(join(DIST, file)).href);
  return `
    import { torchCheckpointIO, emptyCheckpoint } from ${url("checkpoint/index.js")};
    import { storedTensor } from ${url("storage/storedTensor.js")};
    const tensor = storedTensor({ dtype: "float32", shape: [25000], bytes: new Uint8Array(100000).fill(7) });
    const stateDict = { tensors: new Map([["w", tensor]]), versions: null };
    const save = (name, globalStep) =>
      torchCheckpointIO().save({ ...emptyCheckpoint(), globalStep, lightningVersion: "2.6.6", stateDict }, ${JSON.stringify(folder)} + "/" + name);
    try { await save(process.argv[2], 1); console.log("saved"); }
    catch (error) { console.log(error.code + ": " + error.message); }
  `;
}

test("a disk that is read-only is what is told, however many folders are missing, and nothing is said to be saved", () =>
  inFolder(async (folder) => {
    const disk = join(folder, "disk");
    mkdirSync(disk);
    if (!mountSmallDisk(disk)) return;
    try {
      execFileSync("mount", ["-o", "remount,ro", disk]);
      for (const path of [join(disk, "x.ckpt"), join(disk, "a", "x.ckpt"), join(disk, "a", "b", "c", "x.ckpt")]) {
        const files = { ...nodeFiles, freeSpace: () => Promise.resolve(1e12) };
        const saved = torchCheckpointIO({ files }).save(checkpointOf(1, NUMEL), path);
        await expect(saved).rejects.toMatchObject({
          code: "io.failed",
          message: expect.stringMatching(/read-only file system.*\(EROFS\)$/) as string,
        });
      }
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      execFileSync("umount", [disk]);
    }
  }));

test("a limit on the size of files cuts a write short, and that is told", () =>
  inFolder(async (folder) => {
    const script = join(folder, "save.mjs");
    writeFileSync(script, saveScript(folder));
    const save = (limit: string, name: string): string =>
      spawnSync("bash", ["-c", `trap '' XFSZ; ulimit -f ${limit}; exec "${process.execPath}" "${script}" ${name}`], {
        encoding: "utf8",
      }).stdout.trim();
    expect(save("unlimited", "last.ckpt")).toBe("saved");
    const before = readFileSync(join(folder, "last.ckpt"));
    expect(save("40", "last.ckpt")).toMatch(/^io\.failed: cannot write .*last\.ckpt: .*EFBIG/);
    expect(readFileSync(join(folder, "last.ckpt")).equals(before)).toBe(true);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(isSound(await verifyCheckpoint(join(folder, "last.ckpt")))).toBe(true);
  }));

test("a folder for temp files that is not there, read-only or tiny has no effect", () =>
  inFolder((folder) => {
    const script = join(folder, "save.mjs");
    writeFileSync(script, saveScript(folder));
    const tiny = join(folder, "tiny");
    mkdirSync(tiny);
    const isMounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", tiny]).status === 0;
    try {
      for (const [index, place] of ["/nowhere/at/all", "/proc", ...(isMounted ? [tiny] : [])].entries()) {
        const { stdout } = spawnSync(process.execPath, [script, `${index}.ckpt`], {
          encoding: "utf8",
          env: { ...process.env, TMPDIR: place, TMP: place, TEMP: place },
        });
        expect([place, stdout.trim()]).toEqual([place, "saved"]);
      }
    } finally {
      if (isMounted) execFileSync("umount", [tiny]);
    }
    return Promise.resolve();
  }));
