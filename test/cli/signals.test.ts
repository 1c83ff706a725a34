import { cp, mkdtemp, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { searchCheckpoints } from "../../src/checkpoint/findCheckpoints.js";
import { isSound } from "../../src/checkpoint/verification.js";
import { verifyCheckpoint } from "../../src/checkpoint/verifyCheckpoint.js";
import type { Finished } from "./spawnLtrain.js";
import { spawnLtrain } from "./spawnLtrain.js";

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-signals-")));
  // The run of the torture tests, which signals itself at a chosen moment; here in short: once in every phase.
  await cp(fileURLToPath(new URL("../torture/torture.ts", import.meta.url)), join(folder, "torture.ts"));
  await writeFile(
    join(folder, "c.yaml"),
    `seed_everything: 3
model: {class_path: ./torture.ts:Tiny}
data: {class_path: ./torture.ts:TinyData}
trainer:
  max_epochs: 3
  accelerator: cpu
  callbacks:
    - {class_path: ./torture.ts:Phase}
    - {class_path: ModelCheckpoint, init_args: {every_n_train_steps: 4}}
`,
  );
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Train; at the `at`-th passing of `phase` the run sends itself the signal. */
function train(phase: string, at: number, signal: string, ...args: readonly string[]): Promise<Finished> {
  const env = { TORTURE_PHASE: phase, TORTURE_AT: String(at), TORTURE_SIGNAL: signal };
  return spawnLtrain(folder, ["train", "--config", "c.yaml", ...args], undefined, env);
}

/** The newest checkpoint's step, of sound files only; -1 where there are none. */
async function newestStep(): Promise<number> {
  const checkpoints = join(folder, "lightning_logs", "version_0", "checkpoints");
  const names = await readdir(checkpoints).catch(() => []);
  for (const name of names.filter((each) => each.endsWith(".ckpt"))) {
    expect([name, isSound(await verifyCheckpoint(join(checkpoints, name)))]).toEqual([name, true]);
  }
  expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);
  if (names.length === 0) return -1;
  return (await searchCheckpoints(checkpoints)).candidates[0]?.globalStep ?? -1;
}

// 6 steps an epoch; the least step that must be there. Batches are asked for ahead, and a signal is heard a turn later.
test.each([
  ["sanity check", 1, "SIGTERM", 143, -1],
  ["compile", 1, "SIGINT", 130, 1],
  ["data", 30, "SIGTERM", 143, 1],
  ["step", 3, "SIGINT", 130, 3],
  ["batch end", 3, "SIGTERM", 143, 3],
  ["save", 1, "SIGINT", 130, 4],
  ["validation", 2, "SIGTERM", 143, 6],
  ["validation data", 9, "SIGINT", 130, 6],
  ["validation end", 1, "SIGTERM", 143, 6],
  ["epoch end", 2, "SIGINT", 130, 12],
  ["step", 9, "SIGUSR1", 75, 9],
] as const)(
  "a signal in phase %s (passing %d): %s ends it with %d, and step %d is not lost",
  async (phase, at, signal, code, step) => {
    const finished = await train(phase, at, signal);
    expect(finished.code).toBe(code);
    expect(await newestStep()).toBeGreaterThanOrEqual(step);
    expect(finished.stderr).toContain(`${signal}: ending after this batch; once more to end at once\n`);
  },
  60_000,
);

test("where the grace time is over it ends at once: what is durable stays, and is named", async () => {
  await writeFile(
    join(folder, "stuck.ts"),
    `import { setTimeout } from "node:timers/promises";
import { Callback } from "ltrain";
export class Stuck extends Callback {
  override async onTrainBatchStart(trainer: { globalStep: number }): Promise<void> {
    if (trainer.globalStep !== 5) return;
    process.kill(process.pid, "SIGTERM");
    await setTimeout(60_000);
  }
}
`,
  );
  const callbacks =
    "[{class_path: ./stuck.ts:Stuck}, {class_path: ModelCheckpoint, init_args: {every_n_train_steps: 4}}]";
  await writeFile(join(folder, "stuck.yaml"), `trainer: {callbacks: ${callbacks}}\n`);
  const words = ["--config", "stuck.yaml", "--grace", "0.5", "--requeue"];
  const finished = await train("", 0, "", ...words);
  expect([finished.code, await newestStep()]).toEqual([75, 4]);
  expect(finished.stderr).toMatch(
    /^SIGTERM: the grace time is over, ending at once; the newest checkpoint stays\nsaved {4}(\S+step=4\.ckpt)\nresume {3}ltrain resume \1$/m,
  );
}, 60_000);

test("a grace time that is no number of seconds is a usage error, on the command line and in the environment", async () => {
  const word = await spawnLtrain(folder, ["train", "--config", "c.yaml", "--grace", "soon"]);
  expect([word.code, word.stderr]).toEqual([2, expect.stringContaining("--grace") as string]);
  const variable = await spawnLtrain(folder, ["train", "--config", "c.yaml"], undefined, { LTRAIN_GRACE: "-3" });
  expect([variable.code, variable.stderr]).toEqual([
    2,
    expect.stringContaining('LTRAIN_GRACE is a number of seconds, got "-3"') as string,
  ]);
}, 60_000);
