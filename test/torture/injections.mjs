/** The n-th write, fsync, rename or unlink of the real program is where it is killed, or what the system refuses. */
import { spawnSync } from "node:child_process";
import { checkFolder, finish, ltrain, makeWorld, removeWorld, TRAIN } from "./world.mjs";

/** Every 3rd call and so on, where there are too many to hit each. */
const CALLS = [
  { names: "write,pwrite64", stride: 23, error: "ENOSPC" },
  { names: "fsync", stride: 1, error: "EIO" },
  { names: "rename,renameat,renameat2", stride: 1, error: "ENOSPC" },
  { names: "unlink,unlinkat", stride: 1, error: "EIO" },
  { names: "link,linkat", stride: 1, error: "EIO" },
];
const SHORT = ["--trainer.max_steps", "4", "--trainer.async_checkpoints", "false"];

export async function injections(round, rounds = Infinity) {
  if (spawnSync("strace", ["-V"]).status !== 0) {
    process.stdout.write("injections: SKIPPED, strace is not installed (apt-get install strace)\n");
    return "skipped";
  }
  const told = [];
  for (const { names, stride, error } of CALLS) {
    for (const inject of ["signal=KILL", `error=${error}`]) {
      let hits = 0;
      for (let n = 1; hits < rounds; n += stride) {
        let reached = true;
        await round(`${inject} at ${names} ${n}`, async () => {
          const folder = makeWorld();
          const through = [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            `trace=${names}`,
            "-e",
            `inject=${names}:${inject}:when=${n}`,
          ];
          const { code, saved, stderr } = await ltrain(folder, [...TRAIN, ...SHORT], { through });
          reached = code !== 0 || inject !== "signal=KILL";
          const newest = await checkFolder(folder, saved);
          const isError = inject !== "signal=KILL";
          // A write may be to the terminal or between threads: whatever is refused, nothing is lost.
          if (isError && names !== "write,pwrite64" && ![0, 6].includes(code))
            throw new Error(`exit code ${code}: ${stderr}`);
          if (isError && code === 0 && newest < 4) throw new Error("it ended with 0 and has not saved");
          if (newest >= 0 && newest < 4) await finish(folder);
          removeWorld(folder);
          if (isError && code === 0 && n > 60) reached = false;
        });
        if (!reached) break;
        hits += 1;
      }
      told.push(`${names.split(",")[0]} ${inject.split("=")[1]} ${hits}`);
    }
  }
  return told.join(", ");
}
