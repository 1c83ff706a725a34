/** SIGTERM and Ctrl-C in every phase: the right exit code in time, and nothing lost. */
import { checkFolder, finish, ltrain, makeWorld, removeWorld, TRAIN } from "./world.mjs";

const CODES = { SIGINT: 130, SIGTERM: 143, SIGUSR1: 75 };
/** How often a phase passes by before the signal comes. Of the data the first 16 rows are read for its fingerprint. */
const PHASES = {
  "sanity check": [1],
  compile: [1, 2],
  data: [1, 11, 17, 30, 45],
  step: [1, 2, 6, 9],
  "batch end": [1, 6, 9],
  save: [1, 2, 3, 4],
  validation: [1, 2, 3],
  "validation data": [9, 14],
  "validation end": [1, 2],
  "epoch end": [1, 2],
};
/** Saved every 4 steps: what a signal ends in between, nobody has saved but what saves on a signal, or save_last at the end. */
const SELDOM = ["--trainer.callbacks.every_n_train_steps", "4"];
const NO_LAST = [...SELDOM, "--trainer.callbacks.save_last", "false"];
/** Time from the signal to the end, with a save in it. */
const GRACE_MS = 10_000;

export async function signals(round, rounds = 100) {
  const cases = Object.entries(PHASES).flatMap(([phase, all]) =>
    all.flatMap((at) => Object.keys(CODES).map((signal) => ({ phase, at, signal }))),
  );
  let [slowest, finished] = [0, 0];
  for (let i = 0; i < rounds; i += 1) {
    const { phase, at, signal } = cases[i % cases.length];
    const how = i % 2 === 0 ? NO_LAST : SELDOM;
    await round(`${signal} in ${phase} ${at}`, async () => {
      const folder = makeWorld({ engine: phase === "compile" || i % 3 === 0 ? "onnxruntime" : "tfjs" });
      let sentAt = 0;
      const watch = (text) => {
        if (sentAt === 0 && text.includes("TORTURE")) sentAt = performance.now();
      };
      const env = { TORTURE_PHASE: phase, TORTURE_SIGNAL: signal, TORTURE_AT: String(at) };
      const { code, saved, stepped, stderr } = await ltrain(folder, [...TRAIN, ...how], { env, watch });
      const took = performance.now() - sentAt;
      if (sentAt === 0) throw new Error(`it was never ${phase} ${at}: it ended with ${code}`);
      if (code !== CODES[signal]) throw new Error(`exit code ${code}, not ${CODES[signal]}: ${stderr}`);
      if (took > GRACE_MS) throw new Error(`it took ${took.toFixed(0)} ms`);
      slowest = Math.max(slowest, took);
      const newest = await checkFolder(folder, saved);
      if (newest < stepped) throw new Error(`the newest checkpoint is of step ${newest}, and ${stepped} were done`);
      if (newest >= 0 && signal === "SIGTERM") {
        await finish(folder, how);
        finished += 1;
      }
      removeWorld(folder);
    });
  }
  for (const phase of ["step", "save", "validation", "data"]) {
    await round(`two SIGTERM in ${phase}`, async () => {
      const folder = makeWorld();
      let sentAt = 0;
      const watch = (text) => {
        if (sentAt === 0 && text.includes("TORTURE")) sentAt = performance.now();
      };
      const env = { TORTURE_PHASE: phase, TORTURE_SIGNAL: "SIGTERM", TORTURE_TWICE: "1" };
      const { code, saved } = await ltrain(folder, [...TRAIN, ...SELDOM], { env, watch });
      const took = performance.now() - sentAt;
      if (code !== 143) throw new Error(`exit code ${code}`);
      if (took > 1000 + 50) throw new Error(`it took ${took.toFixed(0)} ms from the first of two signals`);
      await checkFolder(folder, saved);
      removeWorld(folder);
    });
  }
  return `the slowest took ${(slowest / 1000).toFixed(1)} s from the signal to the end; ${finished} of them went on, each bit-equal to the unbroken one`;
}
