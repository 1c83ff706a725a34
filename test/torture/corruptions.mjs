/** The newest k of n checkpoints are damaged: the newest sound one goes on, the others are named and kept. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkEnd, ltrain, makeWorld, removeWorld, RESUME, RUN, TRAIN } from "./world.mjs";

const KEEP_ALL = ["--trainer.callbacks.save_top_k", "-1"];
const SHORT = [...TRAIN, ...KEEP_ALL, "--trainer.max_steps", "7"];

export async function corruptions(round, rounds = 6) {
  for (let k = 1; k <= Math.min(rounds, 6); k += 1) {
    await round(`the newest ${k} of 7`, async () => {
      const folder = makeWorld();
      const { code, stderr } = await ltrain(folder, SHORT);
      if (code !== 0) throw new Error(`it ended with ${code}: ${stderr}`);
      const checkpoints = join(folder, RUN, "checkpoints");
      const stepOf = (name) => (name === "last.ckpt" ? 7 : Number(/step=(\d+)/.exec(name)[1]));
      const names = readdirSync(checkpoints).filter((name) => name.endsWith(".ckpt"));
      const bad = names.filter((name) => stepOf(name) > 7 - k);
      for (const [i, name] of bad.entries()) {
        const bytes = readFileSync(join(checkpoints, name));
        const at = bytes.indexOf("data/0") + 100;
        if (i % 3 === 0) bytes[at] ^= 1;
        writeFileSync(
          join(checkpoints, name),
          i % 3 === 1 ? bytes.subarray(0, bytes.length - 50) : i % 3 === 2 ? "" : bytes,
        );
      }
      const sizes = bad.map((name) => statSync(join(checkpoints, name)).size);
      const resumed = await ltrain(folder, [...RESUME, "--trainer.max_steps", "-1"]);
      if (resumed.code !== 0) throw new Error(`the resume ended with ${resumed.code}: ${resumed.stderr}`);
      for (const name of bad)
        if (!resumed.stderr.includes(`passed over ${join(RUN, "checkpoints", name)}`))
          throw new Error(`${name} is not named: ${resumed.stderr}`);
      if (!resumed.stderr.includes(`global step ${7 - k})`))
        throw new Error(`not from step ${7 - k}: ${resumed.stderr}`);
      if (bad.some((name, i) => name !== "last.ckpt" && statSync(join(checkpoints, name)).size !== sizes[i]))
        throw new Error("a damaged file was not kept");
      await checkEnd(folder, KEEP_ALL);
      removeWorld(folder);
    });
  }
  return "";
}
