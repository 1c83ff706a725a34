/** SIGTERM and Ctrl-C in every phase: the right exit code in time, and nothing lost. */
import { checkFolder, finish, ltrain, makeWorld, removeWorld, TRAIN } from "./world.mjs";

const CODES = { SIGINT: 130, SIGTERM: 143, SIGUSR1: 75 };
/** How often a phase passes by before the signal comes, and the least step that must be there then. */
const PHASES = {
  "sanity check": { at: [1], step: -1 },
  compile: { at: [1, 2], step: 0 },
  data: { at: [1, 6, 11, 30], step: 0 },
  step: { at: [1, 2, 6, 9], step: 0 },
  "batch end": { at: [1, 6, 9], step: 1 },
  save: { at: [1, 4, 12, 15], step: 1 },
  validation: { at: [1, 2, 3], step: 6 },
  "validation data": { at: [9, 14], step: 6 },
  "validation end": { at: [1, 2], step: 6 },
  "epoch end": { at: [1, 2], step: 6 },
};
/** Time from the signal to the end, with a save in it. */
const GRACE_MS = 10_000;

export async function signals(round, rounds = 100) {
  const cases = Object.entries(PHASES).flatMap(([phase, { at, step }]) =>
    at.flatMap((n) => Object.keys(CODES).map((signal) => ({ phase, at: n, step, signal }))),
  );
  let slowest = 0;
  for (let i = 0; i < rounds; i += 1) {
    const { phase, at, step, signal } = cases[i % cases.length];
    await round(`${signal} in ${phase} ${at}`, async () => {
      const folder = makeWorld();
      let sentAt = 0;
      const watch = (text) => {
        if (sentAt === 0 && text.includes("TORTURE")) sentAt = performance.now();
      };
      const env = { TORTURE_PHASE: phase, TORTURE_SIGNAL: signal, TORTURE_AT: String(at) };
      const { code, saved, stderr } = await ltrain(folder, TRAIN, { env, watch });
      const took = performance.now() - sentAt;
      if (code !== CODES[signal]) throw new Error(`exit code ${code}, not ${CODES[signal]}: ${stderr}`);
      if (took > GRACE_MS) throw new Error(`it took ${took.toFixed(0)} ms`);
      slowest = Math.max(slowest, took);
      const newest = await checkFolder(folder, saved);
      if (newest < step) throw new Error(`the newest checkpoint is of step ${newest}, and ${step} steps were done`);
      if (newest > 0 && i < cases.length && signal === "SIGTERM") await finish(folder);
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
      const { code, saved } = await ltrain(folder, TRAIN, { env, watch });
      const took = performance.now() - sentAt;
      if (code !== 143) throw new Error(`exit code ${code}`);
      if (took > 1000 + 50) throw new Error(`it took ${took.toFixed(0)} ms from the first of two signals`);
      await checkFolder(folder, saved);
      removeWorld(folder);
    });
  }
  return `the slowest took ${(slowest / 1000).toFixed(1)} s from the signal to the end`;
}
