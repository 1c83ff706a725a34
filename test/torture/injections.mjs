/** The n-th write, fsync, rename, unlink, link or mkdir of the real program is where it is killed, or what the system refuses. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkFolder, finish, ltrain, makeWorld, removeWorld, temporariesIn, TRAIN } from "./world.mjs";

/**
 * System calls, what they are refused with, whether the run can do without (a link becomes a copy, what cannot be removed
 * is in nobody's way), and whose they are: a write is done by the main thread, as `fileOperations`
 * has it for few bytes, everything else by the pool, which has one thread here: strace counts by thread. The main thread
 * also writes to wake other threads, never as often: which of the run's writes is hit is not known before.
 */
const CALLS = [
  { name: "fsync", error: "EIO" },
  { name: "rename", error: "ENOSPC" },
  { name: "unlink", error: "EIO", isDispensable: true },
  { name: "link", error: "EPERM", isDispensable: true },
  { name: "mkdir", error: "EACCES" },
  { name: "write", error: "ENOSPC", isMain: true },
];
/** Files that a run can do without for a while (docs/durability.md). */
const CAN_WAIT = /run\.json|metrics\.csv/;
const STEPS = 3;
const SHORT = [...TRAIN, "--trainer.max_steps", String(STEPS), "--trainer.callbacks.save_best", "link"];

/** `only`: the name of one call. */
export async function injections(round, rounds = Infinity, only = undefined) {
  if (spawnSync("strace", ["-V"]).status !== 0) {
    process.stdout.write("injections: SKIPPED, strace is not installed (apt-get install strace)\n");
    return "skipped";
  }
  const told = [];
  let finished = 0;
  const logs = mkdtempSync(join(tmpdir(), "ltrain-strace-"));
  for (const { name, error, isMain, isDispensable } of CALLS) {
    if (only !== undefined && name !== only) continue;
    const strace = (...more) => ["strace", ...(isMain ? [] : ["-f"]), "-y", "-qq", "-s", "4096", "-o", log, ...more];
    const log = join(logs, name);
    const env = { UV_THREADPOOL_SIZE: "1" };
    const points = await pointsOf(name, strace("-e", `trace=${name}`), log, env);
    if (points.length === 0) await round(name, () => Promise.reject(new Error("the run does none")));
    for (const inject of ["signal=KILL", `error=${error}`]) {
      const isKill = inject === "signal=KILL";
      const hits = new Set();
      for (const n of points.slice(0, rounds)) {
        await round(`${inject} at ${name} ${n}`, async () => {
          const folder = makeWorld();
          // Quicker where only some calls are looked at, but then strace 6.1 sends no signals.
          const quick = isKill || isMain ? [] : ["--seccomp-bpf"];
          const through = strace(...quick, "-e", `trace=${name}`, "-e", `inject=${name}:${inject}:when=${n}`);
          const { code, saved, stderr } = await ltrain(folder, SHORT, { through, env });
          const isKilled = code === "killed by SIGKILL";
          const lines = linesOf(log, name);
          const hit = lines.filter((line) => (isKill ? line === lines.at(-1) : line.includes("(INJECTED)")));
          const isHit = hit.length > 0 && hit.every((line) => isOfRun(line, folder));
          if (!isHit && !isMain) throw new Error(`it was not hit where it was aimed at: ${hit}`);
          if (isHit && isKill === isKilled) hits.add(lines.filter((line) => isOfRun(line, folder)).indexOf(hit[0]));
          // The main thread may wake others less often this time, and come to its end before its n-th write.
          if (isKill !== isKilled && !(isKill && isMain && code === 0))
            throw new Error(`it ended with ${code}: ${stderr}`);
          // What a thread is not woken by ends the program as it may; of its files nothing is lost all the same.
          // What is told of a run finds room later, and the run goes on with a warning.
          const canWait = hit.every((line) => CAN_WAIT.test(line)) && stderr.includes("warning: ");
          if (!isKill && isHit && code !== 6 && !((isDispensable || canWait) && code === 0))
            throw new Error(`exit code ${code}: ${stderr}`);
          if (isHit && /^\s+at /m.test(stderr)) throw new Error(`a stack trace: ${stderr}`);
          const newest = await checkFolder(folder, saved);
          if (code === 0 && newest < STEPS) throw new Error(`it ended with 0, and the newest is of step ${newest}`);
          if (!isKill && isHit && name !== "unlink" && temporariesIn(folder).length > 0)
            throw new Error(`temp files are left: ${temporariesIn(folder)}`);
          // Neighbours leave the same files: one in so many goes on to the end.
          if (newest >= 0 && n % (isKill ? 2 : 3) === 0) {
            await finish(folder);
            finished += 1;
          }
          removeWorld(folder);
        });
      }
      told.push(`${hits.size} of ${points.length} ${name}s ${isKill ? "killed at" : `refused with ${error}`}`);
    }
  }
  rmSync(logs, { recursive: true });
  return `${told.join(", ")}; ${finished} of them went on, each to the end of the unbroken run`;
}

/** Which of a thread's calls have to do with the run's folder: every thread numbers its own from 1. */
async function pointsOf(name, through, log, env) {
  const folder = makeWorld();
  const { code, stderr } = await ltrain(folder, SHORT, { through, env });
  if (code !== 0) throw new Error(`strace and ltrain ended with ${code}: ${stderr}`);
  const counts = new Map();
  const points = new Set();
  for (const line of linesOf(log, name)) {
    const thread = /^\d+(?= )/.exec(line)?.[0] ?? "";
    counts.set(thread, (counts.get(thread) ?? 0) + 1);
    if (isOfRun(line, folder)) points.add(counts.get(thread));
  }
  removeWorld(folder);
  return [...points].sort((a, b) => a - b);
}

/** The calls in a log; not the second half of one that another thread broke into. */
function linesOf(log, name) {
  return readFileSync(log, "latin1")
    .split("\n")
    .filter((line) => line.includes(`${name}(`));
}

/** Also where the run's folder is made. */
function isOfRun(line, folder) {
  return line.includes(join(folder, "lightning_logs"));
}
