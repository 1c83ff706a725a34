import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));
const A = `${FIXTURES}trained/mlp-adam-none/epoch2.ckpt`;
const B = `${FIXTURES}trained/mlp-adam-none/final.ckpt`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "diff-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function ltrain(
  ...args: string[]
): Promise<{ readonly code: number; readonly output: string; readonly messages: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, output: terminal.output, messages: terminal.messages };
}

test("a file and its copy are equal: exit code 0, and nothing is said", async () => {
  const copy = join(folder, "copy.ckpt");
  copyFileSync(A, copy);
  expect(await ltrain("diff", A, copy)).toEqual({ code: 0, output: "", messages: "" });
});

test("two moments of one run differ in epoch, step, optimizer and weights: exit code 1", async () => {
  const { code, output } = await ltrain("diff", A, B);
  expect(code).toBe(1);
  const twin = (path: string): { epoch: number; global_step: number } =>
    JSON.parse(readFileSync(path.replace(/ckpt$/, "json"), "utf8")) as { epoch: number; global_step: number };
  expect(output).toContain(`~ epoch: ${twin(A).epoch} → ${twin(B).epoch}`);
  expect(output).toContain(`~ global_step: ${twin(A).global_step} → ${twin(B).global_step}`);
  expect(output).toContain('~ optimizer_states[0]["state"][0]["exp_avg"]');
  expect(output).toContain("~ encoder.0.weight");
});

test("--json says the same as data, --stat only how much", async () => {
  const { code, output } = await ltrain("diff", "--json", A, B);
  expect(code).toBe(1);
  const found = JSON.parse(output) as {
    equal: boolean;
    tensors: { changed: { name: string; max_abs: number; different: number; max_abs_at: number[] }[] };
  };
  expect(found.equal).toBe(false);
  const sizes = found.tensors.changed.map(({ max_abs }) => max_abs);
  expect(sizes).toEqual([...sizes].sort((x, y) => y - x));
  expect(found.tensors.changed.find(({ name }) => name === "encoder.0.weight")?.max_abs_at).toHaveLength(2);
  const stat = await ltrain("diff", "--stat", A, B);
  expect(stat.output.split("\n")).toEqual([
    `--- ${A}`,
    `+++ ${B}`,
    "tensors: 0 equal, 16 different",
    "20 other values differ",
    "",
  ]);
});

test("a tolerance that is wide enough makes weights equal", async () => {
  expect((await ltrain("diff", "--weights", A, B)).code).toBe(1);
  expect((await ltrain("diff", "--weights", "--atol", "1", A, B)).code).toBe(0);
  expect((await ltrain("diff", "--weights", "--keys-only", A, B)).code).toBe(0);
});

test("renamed tensors go into a map that extract takes, and then the weights are the same", async () => {
  const [map, renamed, back] = ["map.json", "renamed.pt", "back.pt"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await ltrain("extract", A, "--include", "*", "--rename", "encoder=backbone", "-o", renamed);
  const found = await ltrain("diff", "--weights", "--map", map, renamed, A);
  expect(found.code).toBe(1);
  expect(JSON.parse(readFileSync(map, "utf8"))).toEqual({
    "backbone.0.weight": "encoder.0.weight",
    "backbone.0.bias": "encoder.0.bias",
  });
  await ltrain("extract", renamed, "--include", "*", "--map", map, "-o", back);
  expect((await ltrain("diff", "--weights", back, A)).code).toBe(0);
});

test("git's seven arguments: the file's name is shown, and a difference is no failure", async () => {
  const { code, output } = await ltrain("diff", "models/a.ckpt", A, "1234", "100644", B, "5678", "100644");
  expect(code).toBe(0);
  expect(output).toContain("--- models/a.ckpt");
  const added = await ltrain("diff", "models/a.ckpt", "/dev/null", ".", ".", B, "5678", "100644");
  expect(added.code).toBe(0);
  expect(added.output).toContain("+ encoder.0.weight: float32 [4, 8]");
});

test.each([
  [["diff", A], 2, "diff needs two files, and got 1"],
  [["diff", A, B, "--atol", "x"], 2, "a number that is not negative is needed"],
  [["diff", A, "nothing.ckpt"], 4, "nothing.ckpt"],
])("%j is an error, not a difference", async (args, code, message) => {
  const result = await ltrain(...args);
  expect(result.code).toBe(code);
  expect(result.messages).toContain(message);
});

test("a damaged file is an error with its name, not a difference", async () => {
  const bad = join(folder, "bad.ckpt");
  writeFileSync(bad, readFileSync(A).subarray(0, 3000));
  const { code, messages } = await ltrain("diff", A, bad);
  expect(code).toBe(3);
  expect(messages).toContain(bad);
});

test("a whole checkpoint against its weights: what the other file has nothing of is a line for each part", async () => {
  const weights = join(folder, "weights.pt");
  await ltrain("extract", A, "--prefix", "encoder.", "-o", weights);
  const { code, output } = await ltrain("diff", A, weights);
  expect(code).toBe(1);
  const twin = JSON.parse(readFileSync(A.replace(/ckpt$/, "json"), "utf8")) as { epoch: number };
  const lines = output.split("\n");
  expect(lines).toContain(`- epoch: ${twin.epoch}`);
  expect(lines.filter((line) => line.startsWith("- loops"))).toEqual([expect.stringMatching(/^- loops: \d+ values$/)]);
  expect(lines.filter((line) => line.startsWith("- optimizer_states"))).toEqual([
    expect.stringMatching(/^- optimizer_states: \d+ values, 12 tensors$/), // step, exp_avg, exp_avg_sq of two layers' weight and bias
  ]);
  expect(lines.filter((line) => line.startsWith("- decoder."))).toHaveLength(2);
});
