// A long fuzzing run by hand: npm run fuzz -- --minutes 30 [--seed 1000000]
import process from "node:process";
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, seed: { type: "string", default: String(Date.now() % 1e9) } },
});
const { status } = spawnSync(
  process.execPath,
  ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning", "node_modules/jest/bin/jest.js", "test/fuzz"],
  {
    stdio: "inherit",
    env: { ...process.env, LTRAIN_FUZZ_MINUTES: values.minutes, LTRAIN_FUZZ_SEED: values.seed },
  },
);
process.exitCode = status ?? 1;
