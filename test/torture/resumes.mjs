/** Resume equality after kill -9 at every batch of a short run, in mid-epoch and in the middle of an accumulation too. */
import { checkFolder, EPOCHS, finish, ltrain, makeWorld, removeWorld, TRAIN } from "./world.mjs";

const BATCHES = 6 * EPOCHS;
/** A signal is heard within 20 ms of training; more than this is another thing. */
const HEARD_MS = 100;
const CODES = { SIGKILL: "killed by SIGKILL", SIGTERM: 143, throw: 1 };

export async function resumes(round, rounds = Infinity) {
  let [did, compared] = [0, 0];
  for (const accumulate of [1, 2]) {
    const extra = ["--trainer.accumulate_grad_batches", String(accumulate)];
    for (const signal of Object.keys(CODES)) {
      for (let at = 1; at <= BATCHES && did < rounds; at += 1) {
        did += 1;
        await round(`${signal} in batch ${at}, accumulate ${accumulate}`, async () => {
          const folder = makeWorld({ engine: at % 3 === 0 ? "onnxruntime" : "tfjs" });
          const env = { TORTURE_PHASE: "step", TORTURE_SIGNAL: signal, TORTURE_AT: String(at) };
          const { code, saved, stepped, stderr } = await ltrain(folder, [...TRAIN, ...extra], { env });
          if (code !== CODES[signal]) throw new Error(`it ended with ${code}: ${stderr}`);
          const newest = await checkFolder(folder, saved);
          // Who is asked to stop, or fails, loses no step that was done.
          const done = Math.floor((signal === "throw" ? at - 1 : at) / accumulate);
          const isLost = signal === "throw" ? newest !== done : newest < Math.max(done, stepped);
          if (signal !== "SIGKILL" && done > 0 && isLost)
            throw new Error(`the newest checkpoint is of step ${newest}, and ${done} steps were done`);
          // Batches may be shorter than it takes to hear a signal, and those that are begun until then count.
          const later = [...stderr.matchAll(/^LATER (.*)$/gm)].map(([, millis]) => Number(millis));
          if (Math.max(0, ...later) > HEARD_MS) throw new Error(`a batch was begun ${later.at(-1)} ms after ${signal}`);
          if (signal === "SIGTERM" && newest > Math.floor((at + later.length) / accumulate))
            throw new Error(`the newest checkpoint is of step ${newest}, after ${at + later.length} batches`);
          if (newest >= 0) {
            await finish(folder, extra);
            compared += 1;
          }
          removeWorld(folder);
        });
      }
    }
  }
  return `${compared} runs went on from what was saved, to the same weights, optimizer, schedule, loops, random state, hash of samples, best scores and metrics.csv`;
}
