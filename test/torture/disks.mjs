/** A disk that is really full (tmpfs, for which this must be root), and a limit on the size of files (ulimit). */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  checkEnd,
  checkFolder,
  checkpointsIn,
  finish,
  ltrain,
  makeWorld,
  removeWorld,
  temporariesIn,
  TRAIN,
} from "./world.mjs";

/** What every save leaves free for others. */
const RESERVE = 1 << 20;
/** What is left free when the disk is filled up, in bytes: from nothing to a few checkpoints of about 15 KB. */
const LEFT = [0, 16_384, RESERVE, RESERVE + 16_384, RESERVE + 40_960];
const DISK_BYTES = 4 << 20;

export async function disks(round, rounds = Infinity) {
  const counts = { full: 0, paused: 0, forecast: 0, limited: 0 };
  const isMounted = await withDisk(() => undefined);
  if (!isMounted) process.stdout.write("disks: SKIPPED what needs a tmpfs, which cannot be mounted here\n");
  for (const left of isMounted ? LEFT.slice(0, rounds) : []) {
    await round(`${left} bytes are left`, () =>
      withDisk(async (folder) => {
        const { code, saved, stderr } = await ltrain(folder, TRAIN, { watch: fillOnce(folder, left) });
        if (code !== 0 || left <= RESERVE) checkRefused(code, stderr, ["disk.full", "io.failed"]);
        const newest = await checkFolder(folder, saved);
        if (temporariesIn(folder).length > 0) throw new Error(`temp files are left: ${temporariesIn(folder)}`);
        counts.full += code === 0 ? 0 : 1;
        rmSync(join(folder, "filler"));
        if (newest >= 0) await finish(folder);
      }),
    );
    await round(`${left} bytes are left, and later more`, () =>
      withDisk(async (folder) => {
        const fill = fillOnce(folder, left);
        let [paused, freed] = [false, false];
        const watch = (text, child) => {
          fill(text, child);
          paused ||= text.includes("training pauses until there is room");
          if (paused && !freed) {
            freed = true;
            setTimeout(() => rmSync(join(folder, "filler")), 500);
          }
        };
        const { code, saved, stderr } = await ltrain(folder, [...TRAIN, "--trainer.on_disk_full", "pause"], { watch });
        // A write that has begun when there is no room is an error all the same: only what is asked before can wait.
        if (code !== 0) checkRefused(code, stderr, ["disk.full", "io.failed"]);
        if (!paused && left <= RESERVE) throw new Error("it did not wait");
        counts.paused += code === 0 && paused ? 1 : 0;
        const newest = await checkFolder(folder, saved);
        if (code === 0) await checkEnd(folder);
        else if (newest >= 0) {
          rmSync(join(folder, "filler"), { force: true });
          await finish(folder);
        }
      }),
    );
    await round(`${left} bytes are free before it starts`, () =>
      withDisk(async (folder) => {
        fill(folder, left);
        const { code, stderr } = await ltrain(folder, TRAIN);
        checkRefused(code, stderr, ["disk.full", "io.failed"]);
        if (checkpointsIn(folder).length > 0) throw new Error(`it has trained: ${checkpointsIn(folder)}`);
        counts.forecast += 1;
      }),
    );
  }
  // In KiB; the last ones are enough for all there is to write.
  for (let limit = 0; limit <= Math.min(2 * (rounds - 1), 18); limit += 2) {
    await round(`no file may have more than ${limit} KiB`, async () => {
      const folder = makeWorld();
      const through = ["bash", "-c", 'ulimit -f "$0"; exec "$@"', String(limit)];
      const { code, saved, stderr } = await ltrain(folder, TRAIN, { through });
      if (code !== 0) checkRefused(code, stderr, ["io.failed", "disk.full"]);
      counts.limited += code === 0 ? 0 : 1;
      if (temporariesIn(folder).length > 0) throw new Error(`temp files are left: ${temporariesIn(folder)}`);
      const newest = await checkFolder(folder, saved);
      if (code === 0) await checkEnd(folder);
      else if (newest >= 0) await finish(folder);
      removeWorld(folder);
    });
  }
  return `${counts.full} times it filled up, ${counts.paused} times a run waited until there was room, ${counts.forecast} times it was refused before step 0, ${counts.limited} times by ulimit -f`;
}

/** A tmpfs with a run in it, for as long as `body` takes. Gives whether it could be mounted. */
async function withDisk(body) {
  const folder = mkdtempSync(join(tmpdir(), "ltrain-torture-"));
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", folder]);
  try {
    if (status !== 0) return false;
    await body(makeWorld({ folder }));
    return true;
  } finally {
    if (status === 0) spawnSync("umount", [folder]);
    removeWorld(folder);
  }
}

function fill(folder, left) {
  const { bavail, bsize } = statfsSync(folder);
  try {
    writeFileSync(join(folder, "filler"), Buffer.alloc(Math.max(0, bavail * bsize - left)));
  } catch (error) {
    if (error.code !== "ENOSPC") throw error; // the run has written in between: it is full
  }
}

/** Fill the disk up when training has saved something. */
function fillOnce(folder, left) {
  let isFull = false;
  return (text) => {
    if (isFull || !text.includes('"event":"checkpoint"')) return;
    isFull = true;
    fill(folder, left);
  };
}

function checkRefused(code, stderr, codes) {
  if (code !== 6) throw new Error(`exit code ${code}: ${stderr}`);
  if (!codes.some((each) => stderr.includes(each))) throw new Error(`it does not say why: ${stderr}`);
  if (/^\s+at /m.test(stderr)) throw new Error(`a stack trace: ${stderr}`);
}
