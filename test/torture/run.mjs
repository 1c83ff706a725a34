/**
 * npm run test:torture -- [--rounds N] [scenario ...]: the real program is killed, refused by the system, and signalled, and
 * what must hold is checked after every time. Of injections one call can be chosen: injections:write. Prints what was
 * counted; ends with 1 when anything did not hold.
 */
import { parseArgs } from "node:util";
import { corruptions } from "./corruptions.mjs";
import { disks } from "./disks.mjs";
import { injections } from "./injections.mjs";
import { kills } from "./kills.mjs";
import { powerCuts } from "./powerCuts.mjs";
import { resumes } from "./resumes.mjs";
import { rivals } from "./rivals.mjs";
import { signals } from "./signals.mjs";

const SCENARIOS = { kills, powerCuts, injections, disks, signals, rivals, resumes, corruptions };
const { values, positionals } = parseArgs({ options: { rounds: { type: "string" } }, allowPositionals: true });
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
const wanted = positionals.length === 0 ? Object.keys(SCENARIOS) : positionals;

let failures = 0;
for (const each of wanted) {
  const [name, only] = each.split(":");
  const scenario = SCENARIOS[name];
  if (scenario === undefined) throw new Error(`there is no ${name}: there are ${Object.keys(SCENARIOS).join(", ")}`);
  const began = performance.now();
  const counts = { rounds: 0, held: 0 };
  /** One round: what it throws did not hold. Gives whether it held. */
  const round = async (title, body) => {
    counts.rounds += 1;
    if (counts.rounds % 25 === 0) process.stderr.write(`${name}: ${counts.rounds} rounds\n`);
    try {
      await body();
      counts.held += 1;
      return true;
    } catch (error) {
      failures += 1;
      process.stdout.write(`${name}: ${title}: ${error.message}\n`);
      return false;
    }
  };
  const remarks = await scenario(round, rounds, only);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  process.stdout.write(
    `${name}: ${counts.held} of ${counts.rounds} held in ${seconds} s${remarks ? `; ${remarks}` : ""}\n`,
  );
}
process.exitCode = failures === 0 ? 0 : 1;
