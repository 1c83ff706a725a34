/** Real kill -9 at random instants of a run that saves every step, again and again on one run folder until it is done. */
import {
  addStranger,
  checkEnd,
  checkFolder,
  EPOCHS,
  finish,
  ltrain,
  makeWorld,
  removeWorld,
  RESUME,
  TRAIN,
} from "./world.mjs";

const STEPS = 6 * EPOCHS;
/** One in so many kills may hit the start of the program too: what a resume does to the folder before it trains. */
const EARLY = 4;

export async function kills(round, rounds = 500) {
  // How long the start and the whole training take here, learned from the runs themselves.
  const times = { start: 1500, training: 1000 };
  let [killed, early, done, failed, worlds] = [0, 0, 0, 0, 0];
  const world = () => {
    worlds += 1;
    return makeWorld({ engine: worlds % 5 === 0 ? "onnxruntime" : "tfjs", wide: worlds % 2 === 0 });
  };
  let folder = world();
  let newest = -1;
  while (killed + failed < rounds) {
    const held = await round(`kill ${killed} in ${folder}`, async () => {
      let startedAt = null;
      const isEarly = killed % EARLY === 0;
      const began = performance.now();
      const kill = (child, millis) => setTimeout(() => child.kill("SIGKILL"), millis);
      const watch = (text, child) => {
        if (startedAt !== null || !text.includes('"event":"fit_start"')) return;
        startedAt = performance.now();
        times.start += 0.3 * (startedAt - began - times.start);
        const left = (STEPS - Math.max(newest, 0)) / STEPS;
        if (!isEarly) kill(child, Math.random() * left * 1.2 * times.training);
      };
      const born = isEarly ? (child) => kill(child, Math.random() * times.start) : undefined;
      const { code, saved, stderr } = await ltrain(folder, newest < 0 ? TRAIN : RESUME, { watch, born });
      if (code === 0) {
        done += 1;
        if (newest < 0) times.training += 0.3 * (performance.now() - startedAt - times.training);
        await checkFolder(folder, saved);
        await checkEnd(folder);
        removeWorld(folder);
        folder = world();
        newest = -1;
        return;
      }
      killed += 1;
      if (code !== "killed by SIGKILL") throw new Error(`it ended with ${code}: ${stderr}`);
      early += startedAt === null ? 1 : 0;
      const before = newest;
      newest = await checkFolder(folder, saved);
      if (newest < before) throw new Error(`I1: there was step ${before}, and now there is ${newest}`);
      if (newest < 0) {
        removeWorld(folder);
        folder = world();
      } else if (before < 0) addStranger(folder);
    });
    if (held) continue;
    failed += 1;
    folder = world(); // what did not hold stays to be looked at
    newest = -1;
  }
  await round("the last run goes on to its end", () => (newest < 0 ? undefined : finish(folder)));
  removeWorld(folder);
  return `${killed} kills, ${early} of them before training began; ${done} runs came to their end between them, each bit-equal to the unbroken one`;
}
