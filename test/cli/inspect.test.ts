import { readFileSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/main.js";
import type { RecordingOptions } from "../../src/io/console.js";
import { recordingTerminal } from "../../src/io/console.js";

const FOLDER = fileURLToPath(new URL("../fixtures/lightning/", import.meta.url));
const AUTOENCODER = `${FOLDER}autoencoder-adam-steplr.ckpt`;

async function ltrain(
  args: readonly string[],
  options?: RecordingOptions,
): Promise<{ code: number; output: string; messages: string }> {
  const terminal = recordingTerminal(options);
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, output: terminal.output, messages: terminal.messages };
}

test("inspect says what a Lightning checkpoint is and what is in it", async () => {
  const { code, output, messages } = await ltrain(["inspect", AUTOENCODER]);
  expect({ code, messages }).toEqual({ code: 0, messages: "" });
  expect(output.replace(FOLDER, "")).toBe(`autoencoder-adam-steplr.ckpt
  what               Lightning checkpoint (torch-zip)
  size               13.1 KiB
  Lightning version  2.6.6
  epoch              2
  global step        8
  position           at the end of epoch 1

hyperparameters (kwargs)
  learning_rate  0.02
  hidden         4
  latent         2

state_dict: 8 keys, 98 parameters, 392 B
  module   tensors  parameters   size
  encoder        4          46  184 B
  decoder        4          52  208 B

optimizers
  0  Adam  lr 0.005  1 param group, 8 tensors, state 816 B

lr schedulers
  0  StepLR  last_epoch 2  last_lr 0.005

callbacks
  ModelCheckpoint  at /tmp/corpus_work/autoencoder-adam-steplr/checkpoints/epoch=1-step=8.ckpt
    ModelCheckpoint{'monitor': None, 'mode': 'min', 'every_n_train_steps': 0, 'every_n_epochs': 1, 'train_time_interval': None}
`);
});

test("inspect --keys is a table of every key with its dtype, shape, count and size, and a total", async () => {
  const { output } = await ltrain(["inspect", "--keys", AUTOENCODER]);
  // Counted by hand from the twin's shapes: 4x8 + 4 + 2x4 + 2 + 4x2 + 4 + 8x4 + 8 = 98 float32 elements.
  expect(output).toBe(`key                  dtype    shape   parameters   size
encoder.l1.0.weight  float32  [4, 8]          32  128 B
encoder.l1.0.bias    float32  [4]              4   16 B
encoder.l1.2.weight  float32  [2, 4]           8   32 B
encoder.l1.2.bias    float32  [2]              2    8 B
decoder.l1.0.weight  float32  [4, 2]           8   32 B
decoder.l1.0.bias    float32  [4]              4   16 B
decoder.l1.2.weight  float32  [8, 4]          32  128 B
decoder.l1.2.bias    float32  [8]              8   32 B
8 keys                                        98  392 B
`);
});

test("inspect --json has the twin's tensors under the twin's paths", async () => {
  const { output } = await ltrain(["inspect", AUTOENCODER, "--json"]);
  const found = JSON.parse(output) as Record<string, unknown> & {
    tensors: ({ path: string } & Record<string, unknown>)[];
  };
  const twin = JSON.parse(readFileSync(AUTOENCODER.replace(".ckpt", ".json"), "utf8")) as {
    tensors: Record<string, Record<string, unknown>>;
    hparams: unknown;
  };
  expect(found).toMatchObject({
    format: "torch-zip",
    kind: "lightning",
    lightning_version: "2.6.6",
    epoch: 2,
    global_step: 8,
    hyper_parameters: twin.hparams,
    optimizers: [{ kind: "Adam", lr: [0.005], param_groups: 1 }],
    lr_schedulers: [{ kind: "StepLR", last_epoch: 2 }],
    other_keys: [],
    foreign_globals: [],
  });
  expect(found.tensors.map(({ path }) => path)).toEqual(Object.keys(twin.tensors));
  for (const { path, bytes, ...tensor } of found.tensors) {
    expect(twin.tensors[path]).toMatchObject(tensor);
    expect(bytes).toBe(Number(tensor["numel"]) * 4); // all float32
  }
});

test("a folder is its newest checkpoint, and stderr says which", async () => {
  const folder = await mkdtemp(join(tmpdir(), "inspect-"));
  await writeFile(join(folder, "a.ckpt"), readFileSync(AUTOENCODER));
  const { output, messages } = await ltrain(["inspect", folder, "--keys"]);
  expect(messages).toBe(`using ${join(folder, "a.ckpt")} (the newest: epoch 2, global step 8)\n`);
  expect(output).toContain("8 keys");
});

test("a newer Lightning's file opens, and its unknown keys are shown", async () => {
  const { code, output } = await ltrain(["inspect", `${FOLDER}newer-version.ckpt`]);
  expect(code).toBe(0);
  expect(output).toContain("other keys\n  future_key  {'x': [1, 2, {'y': tensor(float32 [2])}]}\n");
});

test("what a file names and weights_only would refuse is listed, and shown without being run", async () => {
  const { output } = await ltrain(["inspect", `${FOLDER}hparams-nested.ckpt`]);
  expect(output).toContain("refused by torch.load(weights_only=True)");
  expect(output).toContain("  path        pathlib.PurePosixPath('a/b c.txt')\n");
  expect(output).toContain("  color       <__main__.Color(1)>\n");
});

const FAILURES: readonly [string, () => Uint8Array | string | null, number, RegExp][] = [
  ["a missing file", () => null, 4, /^error: there is no file or folder .*x\.ckpt\n$/],
  ["a truncated file", () => readFileSync(AUTOENCODER).subarray(0, 6000), 3, /^error: .*x\.ckpt: /],
  ["a text file", () => "hello, I am no checkpoint\n", 3, /^error: .*x\.ckpt: this is .*, not a checkpoint\n/],
  ["a PDF", () => "%PDF-1.7 and so on", 3, /^error: .*x\.ckpt: this is .*PDF.*, not a checkpoint\n/],
  ["an empty file", () => "", 3, /^error: .*x\.ckpt: /],
];

test.each(FAILURES)(
  "%s is one clear message and an exit code, without a stack",
  async (_, content, exitCode, message) => {
    const path = join(await mkdtemp(join(tmpdir(), "inspect-")), "x.ckpt");
    const bytes = content();
    if (bytes !== null) await writeFile(path, bytes);
    const { code, output, messages } = await ltrain(["inspect", path]);
    expect({ code, output }).toEqual({ code: exitCode, output: "" });
    expect(messages).toMatch(message);
    expect(messages).not.toMatch(/\n\s+at /);
    const asJson = await ltrain(["inspect", path, "--json"]);
    expect(JSON.parse(asJson.messages)).toMatchObject({
      error: { message: expect.stringContaining("x.ckpt") as string },
    });
  },
);

test("a folder without checkpoints says what was looked for", async () => {
  const { code, messages } = await ltrain(["inspect", await mkdtemp(join(tmpdir(), "inspect-"))]);
  expect(code).toBe(4);
  expect(messages).toMatch(/^error: there is no checkpoint under .*\nhint: {2}looked for \*\.ckpt/);
});
