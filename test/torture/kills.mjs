/** Real kill -9 at random instants of a run that saves every step, again and again on one run folder until it is done. */
import { checkFolder, finish, ltrain, makeWorld, outcome, removeWorld, RESUME, TRAIN, unbroken } from "./world.mjs";

export async function kills(round, rounds = 500) {
  let folder = makeWorld();
  let newest = -1;
  let [killed, done] = [0, 0];
  for (let i = 0; i < rounds; i += 1) {
    await round(`kill ${i} in ${folder}`, async () => {
      // Most of a short run is its start; what is aimed at is the time in which it trains and saves.
      let aimed = false;
      const watch = (text, child) => {
        if (aimed || !text.includes('"event":"fit_start"')) return;
        aimed = true;
        setTimeout(() => child.kill("SIGKILL"), Math.random() ** 2 * 1500);
      };
      const { code, saved, stderr } = await ltrain(folder, newest < 0 ? TRAIN : RESUME, { watch });
      if (code === 0) {
        done += 1;
        const [here, there] = [await outcome(folder), await unbroken()];
        if (here !== there) throw new Error("I3: the run does not end as the unbroken one");
        removeWorld(folder);
        folder = makeWorld();
        newest = -1;
        return;
      }
      if (code !== "killed by SIGKILL") throw new Error(`it ended with ${code}: ${stderr}`);
      killed += 1;
      const before = newest;
      newest = await checkFolder(folder, saved);
      if (newest < before) throw new Error(`I1: there was step ${before}, and now there is ${newest}`);
      if (newest < 0) {
        removeWorld(folder);
        folder = makeWorld();
      }
    });
  }
  await round("the last run goes on to its end", () => (newest < 0 ? undefined : finish(folder)));
  removeWorld(folder);
  return `${killed} kills, ${done} runs that came to their end between them, each bit-equal to the unbroken one`;
}
