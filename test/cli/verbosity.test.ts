import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/main.js";
import { createProgram } from "../../src/cli/program.js";
import { recordingTerminal } from "../../src/io/console.js";
import { spawnLtrain } from "./spawnLtrain.js";

const CHECKPOINT = fileURLToPath(new URL("../fixtures/lightning/autoencoder-adam-steplr.ckpt", import.meta.url));

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ltrain-verbosity-"));
  const rows = Array.from({ length: 24 }, (_, i) => `${i / 24},${(i * 7) % 5},${i % 3}`);
  await writeFile(join(folder, "rows.csv"), ["a,b,label", ...rows].join("\n"));
  await writeFile(
    join(folder, "c.yaml"),
    [
      "model: {class_path: LitClassifier, init_args: {in_features: 2, hidden: [5], num_classes: 3}}",
      "data: {class_path: CSVDataModule, init_args: {path: rows.csv, target: label, batch_size: 4}}",
      `trainer: {max_epochs: 1, enable_progress_bar: false, default_root_dir: ${folder}}`,
    ].join("\n"),
  );
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function ltrain(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, out: terminal.output, err: terminal.messages };
}

test("every command takes --quiet, --verbose and --debug, and its help says so", () => {
  const program = createProgram(recordingTerminal(), () => undefined);
  for (const command of program.commands) {
    const help = command.helpInformation();
    expect(help).toContain("-q, --quiet");
    expect(help).toContain("-v, --verbose");
    expect(help).toContain("--debug");
  }
});

test("--verbose tells where settings come from, why this engine, each graph, each file and the times", async () => {
  process.env["LTRAIN_TRAINER__LOG_EVERY_N_STEPS"] = "2";
  process.env["LTRAIN_API_TOKEN"] = "hush";
  try {
    const { code, err } = await ltrain("train", "--config", join(folder, "c.yaml"), "--seed-everything", "3", "-v");
    expect(code).toBe(0);
    const said = (pattern: RegExp): void => {
      expect(err).toMatch(new RegExp(`^ *\\d+\\.\\d{3} s  ${pattern.source}`, "m"));
    };
    const run0 = join(folder, "lightning_logs/version_0");
    said(/ltrain {3}\d+\.\d+\.\d+, node v/);
    said(new RegExp(`cwd      ${process.cwd()}`));
    said(/env {6}LTRAIN_API_TOKEN=\*\*\*/);
    said(/config {3}trainer\.log_every_n_steps from the environment: LTRAIN_TRAINER__LOG_EVERY_N_STEPS/);
    said(new RegExp(`config   ${resolve(folder, "c.yaml")}`));
    said(/config {3}seed_everything from --seed-everything 3/);
    said(/engine {3}asked for: engine auto, accelerator auto/);
    said(new RegExp(`read     ${join(folder, "rows.csv")} \\(\\d+ bytes\\)`));
    said(/graph {4}trainingStep: \d+ operators, .*FLOPs, captured and compiled in \d+ ms/);
    said(new RegExp(`wrote    ${join(run0, "metrics.csv")}`));
    said(new RegExp(`saved    ${join(run0, "checkpoints")}`));
    said(/end {6}exit code 0, \d+\.\d s of CPU, .* of memory at most/);
  } finally {
    delete process.env["LTRAIN_TRAINER__LOG_EVERY_N_STEPS"];
    delete process.env["LTRAIN_API_TOKEN"];
  }
  const { out, err } = await ltrain("inspect", CHECKPOINT, "--json");
  const told = await ltrain("inspect", CHECKPOINT, "--json", "--verbose");
  expect(told.out).toBe(out); // data stays data
  expect(err).toBe("");
  expect(told.err).toMatch(/ s {2}read {5}\/.*autoencoder-adam-steplr\.ckpt \(\d+ bytes\)/);
});

test("--quiet leaves nothing on stderr but failures, and the data where they were", async () => {
  const loud = await ltrain("extract", CHECKPOINT, "--prefix", "encoder.", "-o", join(folder, "loud.pt"));
  expect(loud.err + loud.out).not.toBe("");
  const quiet = await ltrain("extract", CHECKPOINT, "--prefix", "encoder.", "-o", join(folder, "quiet.pt"), "-q");
  expect(quiet).toMatchObject({ code: 0, err: "" });
  expect(await ltrain("train", "--config", join(folder, "c.yaml"), "--quiet")).toMatchObject({ code: 0, err: "" });
  const failed = await ltrain("inspect", join(folder, "none.ckpt"), "--quiet");
  expect(failed.code).toBe(4);
  expect(failed.err).toMatch(/^error: there is no file/);
});

test("a failure shows its stack with --debug alone, also one that nothing waited for", async () => {
  const missing = ["inspect", join(folder, "none.ckpt")];
  expect((await ltrain(...missing, "-v")).err).not.toMatch(/^ +at /m);
  expect((await ltrain(...missing, "--debug")).err).toMatch(/^ +at /m);
  await writeFile(
    join(folder, "stray.ts"),
    `import { LitClassifier } from "ltrain";
export class Stray extends LitClassifier {
  override forward(x: never): ReturnType<LitClassifier["forward"]> {
    setTimeout(() => { throw new Error("from a timer"); }, 0);
    return super.forward(x);
  }
}`,
  );
  await writeFile(
    join(folder, "stray.yaml"),
    [
      "model: {class_path: ./stray.ts:Stray, init_args: {in_features: 2, hidden: [5], num_classes: 3}}",
      "data: {class_path: CSVDataModule, init_args: {path: rows.csv, target: label, batch_size: 4}}",
    ].join("\n"),
  );
  const args = ["validate", "--config", "stray.yaml", "--engine", "tfjs"];
  const { code, stderr } = await spawnLtrain(folder, args);
  expect(stderr).toContain("error: code that nothing waited for failed: from a timer\n");
  expect(stderr).not.toMatch(/^ +at /m);
  expect(code).toBe(1);
  expect((await spawnLtrain(folder, [...args, "--debug"])).stderr).toMatch(/^ +at .*stray\.ts/m);
}, 60_000);
