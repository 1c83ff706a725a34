/** Two runs want one folder at the same moment. */
import { checkFolder, ltrain, makeWorld, outcome, removeWorld, RESUME, TRAIN, unbroken } from "./world.mjs";

export async function rivals(round, rounds = 10) {
  let refused = 0;
  for (let i = 0; i < rounds; i += 1) {
    await round(`two resumes ${i}`, async () => {
      const folder = makeWorld();
      const first = await ltrain(folder, [...TRAIN, "--trainer.max_steps", String(2 + (i % 8))]);
      if (first.code !== 0) throw new Error(`the first run ended with ${first.code}: ${first.stderr}`);
      const more = [...RESUME, "--trainer.max_steps", "-1"];
      const both = await Promise.all([ltrain(folder, more), ltrain(folder, more)]);
      const codes = both.map(({ code }) => code).sort();
      // The second may begin when the first has ended: then there is nothing left to train.
      if (codes[0] !== 0 || ![0, 5].includes(codes[1]))
        throw new Error(`they ended with ${codes}: ${both.map(({ stderr }) => stderr)}`);
      const loser = both.find(({ code }) => code === 5);
      if (loser !== undefined && !loser.stderr.includes('"code":"run.locked"')) throw new Error(loser.stderr);
      refused += loser === undefined ? 0 : 1;
      await checkFolder(folder, Math.max(...both.map(({ saved }) => saved)));
      if ((await outcome(folder)) !== (await unbroken())) throw new Error("I3: it does not end as the unbroken run");
      removeWorld(folder);
    });
  }
  return `${refused} times the other was refused while one ran`;
}
