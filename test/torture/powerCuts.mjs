/**
 * Power cuts on real file systems (for which this must be root): the run writes on a disk that is a file, and at random
 * instants that file is copied as it is (in one step, by sharing its blocks). A copy is what a disk holds whose power is
 * cut then: what the system still had in memory is not in it. It is mounted, which has the file system mend itself, and
 * looked at.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkFolder, finish, ltrain, makeWorld, removeWorld, TRAIN } from "./world.mjs";

/** How each is made, and mounted beside the one it is a copy of. */
const FILE_SYSTEMS = {
  ext4: { make: ["mkfs.ext4", "-q"], options: "loop" },
  xfs: { make: ["mkfs.xfs", "-q", "-f"], options: "loop,nouuid" },
  btrfs: { make: ["mkfs.btrfs", "-q", "-f"], options: "loop" },
};
const CUTS_A_RUN = 10;
/** Longest time between two cuts; a run saves 18 times in a second or two. */
const BETWEEN_MS = 150;
/** Enough for every file system, and for the copies, which share what they have in common. Holes take no room. */
const DISK_BYTES = 320 << 20;
const HOST_BYTES = 4 * 2 ** 30;

export async function powerCuts(round, rounds = 60) {
  const missing = whatIsMissing();
  if (missing !== undefined) {
    process.stdout.write(`powerCuts: SKIPPED, ${missing}\n`);
    return "skipped";
  }
  const counts = Object.fromEntries(Object.keys(FILE_SYSTEMS).map((name) => [name, 0]));
  let [finished, behind, runs] = [0, 0, 0];
  for (let left = rounds; left > 0; left -= CUTS_A_RUN) {
    const name = Object.keys(FILE_SYSTEMS)[runs % Object.keys(FILE_SYSTEMS).length];
    runs += 1;
    const wide = runs % 2 === 0;
    await onDisk(name, async (disk) => {
      const { code, cuts, stderr } = await cutRun(disk, wide, Math.min(left, CUTS_A_RUN));
      await round(`the run on ${name} itself`, () => {
        if (code !== 0) throw new Error(`it ended with ${code}: ${stderr}`);
        if (cuts.length === 0) throw new Error("it was over before anything was cut");
      });
      for (const { image, saved, at } of cuts) {
        await round(`${name}, cut ${at.toFixed(0)} ms after training began, step ${saved} acknowledged`, async () => {
          const unmount = mount(image, disk.mountpoint, FILE_SYSTEMS[name].options);
          try {
            const folder = join(disk.mountpoint, "run");
            const newest = await checkFolder(folder, saved);
            counts[name] += 1;
            if (newest > saved) behind += 1;
            if (newest < 0) return;
            await finish(folder);
            finished += 1;
          } finally {
            unmount();
          }
        });
      }
    });
  }
  const told = Object.entries(counts).map(([name, count]) => `${count} on ${name}`);
  return `${told.join(", ")}; ${behind} times the newest was newer than what was acknowledged; ${finished} of them went on, each to the end of the unbroken run`;
}

/** Run it to its end, and copy the disk again and again meanwhile. */
async function cutRun({ image, mountpoint, mountIt }, wide, wanted) {
  const unmount = mountIt();
  try {
    const folder = join(mountpoint, "run");
    mkdirSync(folder);
    makeWorld({ folder, wide });
    spawnSync("sync"); // what the user had written is on the disk
    const cuts = [];
    let [text, began, isOver] = ["", 0, false];
    const cut = () => {
      if (isOver || cuts.length >= wanted) return;
      const steps = [...text.matchAll(/"event":"checkpoint".*?"global_step":(\d+)/g)].map((match) => Number(match[1]));
      const copy = `${image}.${cuts.length}`;
      const at = performance.now() - began;
      run("cp", "--reflink=always", image, copy);
      cuts.push({ image: copy, saved: Math.max(-1, ...steps), at });
      setTimeout(cut, Math.random() * BETWEEN_MS);
    };
    const watch = (stdout) => {
      if (stdout.startsWith("{")) text = stdout;
      if (began > 0 || !stdout.includes('"event":"fit_start"')) return;
      began = performance.now();
      setTimeout(cut, Math.random() * BETWEEN_MS);
    };
    const { code, stderr } = await ltrain(folder, TRAIN, { watch });
    isOver = true;
    removeWorld(folder);
    return { code, cuts, stderr };
  } finally {
    unmount();
  }
}

/** A disk with a file system of this name, for as long as `body` takes, on one that can share blocks between files. */
async function onDisk(name, body) {
  const folder = mkdtempSync(join(tmpdir(), "ltrain-power-"));
  const [host, mountpoint] = [join(folder, "host"), join(folder, "disk")];
  for (const each of [host, mountpoint]) mkdirSync(each);
  const unmountHost = mount(makeImage(join(folder, "host.img"), HOST_BYTES, "xfs"), host, "loop");
  try {
    const image = makeImage(join(host, "disk.img"), DISK_BYTES, name);
    await body({ image, mountpoint, mountIt: () => mount(image, mountpoint, FILE_SYSTEMS[name].options) });
  } finally {
    unmountHost();
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeImage(path, bytes, name) {
  writeFileSync(path, "");
  truncateSync(path, bytes);
  run(...FILE_SYSTEMS[name].make, path);
  return path;
}

function mount(image, mountpoint, options) {
  run("mount", "-o", options, image, mountpoint);
  return () => run("umount", mountpoint);
}

function run(command, ...args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

/** What keeps disks from being made here. */
function whatIsMissing() {
  if (process.getuid?.() !== 0) return "only root can mount disks";
  const tools = [...Object.values(FILE_SYSTEMS).map(({ make }) => make[0]), "mount", "cp"];
  const lacking = tools.filter((tool) => spawnSync(tool, ["--version"]).error !== undefined);
  return lacking.length === 0 ? undefined : `there is no ${lacking.join(", ")} (apt-get install xfsprogs btrfs-progs)`;
}
