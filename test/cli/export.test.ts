import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCheckpoint } from "../../src/checkpoint/loadCheckpoint.js";
import { run } from "../../src/cli/main.js";
import { runOnnx } from "../../src/engine/onnxExport.js";
import { recordingTerminal } from "../../src/io/console.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import { float32Tensor, float32Values } from "../../src/storage/hostTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { loadGraphModel } from "../../src/tensor/graphModel.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ltrain-export-"));
  const rows = Array.from({ length: 24 }, (_, i) => `${i / 24},${(i * 7) % 5},${i % 3}`);
  await writeFile(join(folder, "rows.csv"), ["a,b,label", ...rows].join("\n"));
  await writeFile(
    join(folder, "c.yaml"),
    [
      "seed_everything: 1",
      "model: {class_path: LitClassifier, init_args: {in_features: 2, hidden: [5], num_classes: 3}}",
      "data: {class_path: CSVDataModule, init_args: {path: rows.csv, target: label, batch_size: 4}}",
      "trainer: {max_epochs: 1, enable_progress_bar: false}",
    ].join("\n"),
  );
  const root = ["--trainer.default_root_dir", folder];
  expect((await ltrain("train", "--config", join(folder, "c.yaml"), "--quiet", ...root)).code).toBe(0);
}, 120_000);
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function ltrain(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, out: terminal.output, err: terminal.messages };
}

const checkpoints = (): string => join(folder, "lightning_logs/version_0/checkpoints");

async function weights(): Promise<ReadonlyMap<string, readonly number[]>> {
  const [name = ""] = (await readdir(checkpoints())).filter((file) => file.endsWith(".ckpt"));
  const { checkpoint, close } = await loadCheckpoint(join(checkpoints(), name));
  try {
    const entries = [...checkpoint.stateDict.tensors].map(
      async ([key, tensor]) => [key, [...float32Values(await readTensor(tensor))]] as const,
    );
    return new Map(await Promise.all(entries));
  } finally {
    await close();
  }
}

test("a classifier exported to ONNX computes relu(x W1' + b1) W2' + b2 for every batch size", async () => {
  const path = join(folder, "model.onnx");
  const { code, out } = await ltrain("export", folder, "-o", path, "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    schema_version: 1,
    format: "onnx",
    inputs: [{ name: "input", dtype: "float32", shape: ["batch", 2] }],
    outputs: [{ name: "output", dtype: "float32", shape: ["batch", 3] }],
  });
  const state = await weights();
  const keys = [...state.keys()];
  const of = (end: string, nth: number): readonly number[] =>
    state.get(keys.filter((key) => key.endsWith(end))[nth] ?? "") ?? [];
  const linear = (x: readonly number[], weight: readonly number[], bias: readonly number[]): number[] =>
    bias.map((b, row) => x.reduce((sum, value, i) => sum + value * (weight[row * x.length + i] ?? 0), b));
  const model = new Uint8Array(await readFile(path));
  for (const size of [1, 2, 7]) {
    const x = Float32Array.from({ length: size * 2 }, (_, i) => Math.sin(i + size));
    const { output } = await runOnnx(model, { input: float32Tensor(x, [size, 2]) });
    expect(output?.shape).toEqual([size, 3]);
    const got = float32Values(output ?? float32Tensor(new Float32Array(0), [0]));
    for (let row = 0; row < size; row += 1) {
      const hidden = linear([...x.subarray(2 * row, 2 * row + 2)], of("weight", 0), of("bias", 0)).map((value) =>
        Math.max(value, 0),
      );
      linear(hidden, of("weight", 1), of("bias", 1)).forEach((value, i) => {
        expect(got[3 * row + i]).toBeCloseTo(value, 5);
      });
    }
  }
  // The weights have their names in the file.
  for (const key of keys) expect(Buffer.from(model).includes(key)).toBe(true);
});

test("inputs and outputs can be named, one batch size asked for, and the input described", async () => {
  const path = join(folder, "named.onnx");
  const names = ["--input-names", "x", "--output-names", "scores", "--batch-size", "3", "--input-shape", "2"];
  const { code, out } = await ltrain("export", folder, "-o", path, "--json", ...names);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    inputs: [{ name: "x", shape: [3, 2] }],
    outputs: [{ name: "scores", shape: [3, 3] }],
  });
});

test("safetensors are the state_dict's tensors, and a file that is there stays", async () => {
  const path = join(folder, "model.safetensors");
  expect((await ltrain("export", folder, "--format", "safetensors", "-o", path)).code).toBe(0);
  const header = (await readFile(path)).subarray(8).toString("latin1");
  for (const key of (await weights()).keys()) expect(header).toContain(`"${key}"`);
  const again = await ltrain("export", folder, "-o", path);
  expect(again.code).toBe(5);
  expect(again.err).toContain(`${path} exists already`);
  const wrong = await ltrain("export", folder, "--format", "onx");
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain('--format is onnx or safetensors or tfjs, and got "onx"');
});

test("a folder for TensorFlow.js gives what the ONNX model gives, and is replaced only where it is one", async () => {
  const path = join(folder, "web");
  const { code, out } = await ltrain("export", folder, "--format", "tfjs", "-o", path, "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    schema_version: 1,
    format: "tfjs",
    output: path,
    files: ["model.json", "group1-shard1of1.bin"],
    inputs: [{ name: "input", dtype: "float32", shape: ["batch", 2] }],
    outputs: [{ name: "output", dtype: "float32", shape: ["batch", 3] }],
  });
  expect((await readdir(path)).sort()).toEqual(["group1-shard1of1.bin", "model.json"]);
  const names = await readdir(path);
  const files = new Map<string, Uint8Array>();
  for (const name of names) files.set(name, new Uint8Array(await readFile(join(path, name))));
  const loaded = await loadGraphModel(files);
  const onnx = join(folder, "same.onnx");
  expect((await ltrain("export", folder, "-o", onnx)).code).toBe(0);
  const input = float32Tensor(Float32Array.of(0.3, -1, 2, 4, 0, 0.5), [3, 2]);
  const [theirs, ours] = [await loaded?.run({ input }), await runOnnx(new Uint8Array(await readFile(onnx)), { input })];
  loaded?.dispose();
  const values = (host: HostTensor | undefined): number[] => (host === undefined ? [] : [...float32Values(host)]);
  expect(values(theirs?.["output"]).length).toBe(9);
  values(ours["output"]).forEach((value, i) => {
    expect(values(theirs?.["output"])[i]).toBeCloseTo(value, 5);
  });
  expect((await ltrain("export", folder, "--format", "tfjs", "-o", path)).code).toBe(5);
  const forced = await ltrain("export", folder, "--format", "tfjs", "-o", path, "--force");
  expect(forced.code).toBe(0);
  expect(forced.err).toContain("checked  TensorFlow.js gives what the module gives, ");
  const other = await ltrain("export", folder, "--format", "tfjs", "-o", join(folder, "lightning_logs"), "--force");
  expect(other.code).toBe(5);
  expect(other.err).toContain("is there already, and is no folder with a model.json to replace");
  expect(await readdir(join(folder, "lightning_logs"))).toContain("version_0");
  const piped = await ltrain("export", folder, "--format", "tfjs", "-o", "-");
  expect(piped.err).toContain("a folder of files cannot be on standard output");
  expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});
