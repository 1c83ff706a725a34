/** Resume equality after kill -9 at every batch of a short run, in mid-epoch and in the middle of an accumulation too. */
import { checkFolder, EPOCHS, finish, ltrain, makeWorld, removeWorld, TRAIN } from "./world.mjs";

const BATCHES = 6 * EPOCHS;

export async function resumes(round, rounds = Infinity) {
  let did = 0;
  for (const accumulate of [1, 2]) {
    const extra = ["--trainer.accumulate_grad_batches", String(accumulate)];
    for (const signal of ["SIGKILL", "SIGTERM", "throw"]) {
      for (let at = 1; at <= BATCHES && did < rounds; at += 1) {
        did += 1;
        await round(`${signal} in batch ${at}, accumulate ${accumulate}`, async () => {
          const folder = makeWorld();
          const env = { TORTURE_PHASE: "step", TORTURE_SIGNAL: signal, TORTURE_AT: String(at) };
          const { code, saved } = await ltrain(folder, [...TRAIN, ...extra], { env });
          if (code === 0) throw new Error("it was not hurt");
          const newest = await checkFolder(folder, saved);
          if (newest > 0) await finish(folder, extra);
          removeWorld(folder);
        });
      }
    }
  }
  return "final weights, optimizer, schedule, loops, random state, hash of samples and metrics.csv byte for byte";
}
