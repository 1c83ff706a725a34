/** Two runs want one folder at the same moment. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkEnd, checkFolder, ltrain, makeWorld, removeWorld, RESUME, TRAIN } from "./world.mjs";

export async function rivals(round, rounds = 10) {
  let [refused, apart] = [0, 0];
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
      await checkEnd(folder);
      removeWorld(folder);
    });
    await round(`two new runs ${i}`, async () => {
      const folder = makeWorld();
      const both = await Promise.all([ltrain(folder, TRAIN), ltrain(folder, TRAIN)]);
      // Who comes second finds the name taken: a folder of its own, or the other's lock.
      const loser = both.find(({ code }) => code !== 0);
      if (both.every(({ code }) => code !== 0)) throw new Error(`none has trained: ${both[0].stderr}`);
      if (loser !== undefined && !(loser.code === 5 && loser.stderr.includes('"code":"run.locked"')))
        throw new Error(`it ended with ${loser.code}: ${loser.stderr}`);
      const hasTwo = existsSync(join(folder, "lightning_logs", "version_1", "checkpoints", "last.ckpt"));
      if (hasTwo === (loser !== undefined)) throw new Error("two runs have written in one folder");
      apart += hasTwo ? 1 : 0;
      await checkFolder(folder, -1);
      await checkEnd(folder);
      removeWorld(folder);
    });
  }
  return `${refused} times the other resume was refused while one ran, ${apart} times two new runs took a folder each`;
}
