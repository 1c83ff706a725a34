import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/main.js";
import type { RecordingOptions } from "../../src/io/console.js";
import { recordingTerminal } from "../../src/io/console.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));
const AUTOENCODER = `${FIXTURES}lightning/autoencoder-adam-steplr.ckpt`;

async function inspect(args: readonly string[], options?: RecordingOptions): Promise<string> {
  const terminal = recordingTerminal(options);
  const code = await run(["node", "ltrain", "inspect", ...args], terminal);
  expect({ code, messages: terminal.messages }).toEqual({ code: 0, messages: "" });
  return terminal.output;
}

async function complaint(args: readonly string[]): Promise<{ code: number; message: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", "inspect", ...args], terminal);
  return { code, message: terminal.messages };
}

test("--filter lists tensors of the whole file by key or path, with a total of what fits", async () => {
  expect(await inspect([AUTOENCODER, "--filter", "encoder.*.bias"]))
    .toBe(`key                dtype    shape  parameters  size
encoder.l1.0.bias  float32  [4]             4  16 B
encoder.l1.2.bias  float32  [2]             2   8 B
2 keys                                      6  24 B
`);
  const steps = await inspect([AUTOENCODER, "--regex", '^optimizer_states.*"step"\\]$']);
  expect(steps.split("\n")[0]).toMatch(/^path +dtype +shape +parameters +size$/);
  expect(steps).toContain('optimizer_states[0]["state"][0]["step"]  float32  []              1   4 B\n');
  expect(steps).toMatch(/\n8 tensors +8 +32 B\n$/);
  expect(await inspect([AUTOENCODER, "--filter", "nothing"])).toBe("no tensor fits\n");
});

test("--key shows one value as Python prints it, a container as a tree, a tensor with --values as torch prints it", async () => {
  expect(await inspect([AUTOENCODER, "--key", "hyper_parameters.learning_rate"])).toBe("0.02\n");
  expect(await inspect([AUTOENCODER, "--key", "hyper_parameters"])).toBe(`hyper_parameters  dict, 3 keys
├── learning_rate  0.02
├── hidden  4
└── latent  2
`);
  // The numbers are those of the twin's sha256; torch prints them so.
  expect(await inspect([AUTOENCODER, "--key", "encoder.l1.2.bias", "--values", "--precision", "2"])).toBe(
    `state_dict["encoder.l1.2.bias"]  float32 [2], 8 B, stride [2]\n`.replace("[2]\n", "[1]\n") +
      "tensor([ 0.27, -0.26])\n",
  );
  const json = JSON.parse(
    await inspect([AUTOENCODER, "--key", "optimizer_states[0].param_groups[0].betas", "--json"]),
  ) as unknown;
  expect(json).toMatchObject({ schema_version: 1, type: "tuple", value: [0.9, 0.999] });
});

test("numpy arrays, members of an Enum and tuples of one stand on a line; --key shows an array's numbers", async () => {
  // The classes, dtypes and shapes are those that make.py beside the file gave them.
  const file = `${FIXTURES}sanitize/objects.ckpt`;
  const tree = await inspect([file, "--tree"]);
  expect(tree).toMatch(/── array {2}numpy\.ndarray float32 \[2, 3\] {2}24 B\n/);
  expect(tree).toMatch(/── color {2}<acme_models\.layers\.Color\('red'\)>\n/);
  expect(await inspect([file, "--key", "numpy.array", "--values"])).toBe(
    `numpy["array"]  float32 [2, 3], 24 B, stride [3, 1]
tensor([[0., 1., 2.],
        [3., 4., 5.]])
`,
  );
  const json = JSON.parse(await inspect([file, "--json"])) as { readonly tree?: unknown };
  expect(json).not.toHaveProperty("tree");
  const shown = JSON.parse(await inspect([file, "--key", "numpy", "--json"])) as { readonly value: object };
  expect(shown.value).toMatchObject({ array: { class: "numpy.ndarray", dtype: "float32", shape: [2, 3] } });
});

test("a key that is not there is an error that names the nearest and what is there", async () => {
  const { code, message } = await complaint([AUTOENCODER, "--key", "hyper_parameters.learnin_rate"]);
  expect(code).toBe(4);
  expect(message).toContain('error: there is no hyper_parameters.learnin_rate: hyper_parameters has no "learnin_rate"');
  expect(message).toContain('did you mean "learning_rate"? hyper_parameters has learning_rate, hidden, latent');
});

test("options that need another one say so, and numbers are checked", async () => {
  expect((await complaint([AUTOENCODER, "--values"])).message).toContain("--values needs --key");
  expect((await complaint([AUTOENCODER, "--precision", "x"])).code).toBe(2);
  expect((await complaint([AUTOENCODER, "--regex", "("])).message).toContain("is not a regular expression");
});

test("--sizes counts every byte once: sections, the rest, and what a view drags along", async () => {
  const huge = `${FIXTURES}torch/huge-storage-tiny-view.pt`;
  const { sizes, bytes } = JSON.parse(await inspect([huge, "--sizes", "--json"])) as {
    readonly bytes: number;
    readonly sizes: {
      readonly sections: readonly { readonly name: string; readonly used: number; readonly stored: number }[];
      readonly rest: number;
      readonly unused: readonly {
        readonly tensors: readonly string[];
        readonly used: number;
        readonly stored: number;
      }[];
    };
  };
  const twin = JSON.parse(readFileSync(huge.replace(".pt", ".json"), "utf8")) as {
    readonly tensors: Readonly<Record<string, { readonly storage_nbytes: number; readonly numel: number }>>;
  };
  const [name = "", tensor] = Object.entries(twin.tensors)[0] ?? [];
  expect(sizes.unused).toEqual([{ tensors: [name], used: (tensor?.numel ?? 0) * 4, stored: tensor?.storage_nbytes }]);
  expect(sizes.sections.reduce((sum, { stored }) => sum + stored, sizes.rest)).toBe(bytes);
  expect(await inspect([huge, "--sizes"])).toContain("in 1 storage that no tensor uses");
});

test("--globals names what weights_only refuses, and at which path", async () => {
  const text = await inspect([`${FIXTURES}lightning/hparams-nested.ckpt`, "--globals"]);
  expect(text).toContain('pathlib.PurePosixPath            refused          1  hyper_parameters["path"]\n');
  expect(text).toContain("torch.load(weights_only=True) refuses 3 names, pathlib.PurePosixPath first\n");
});

test("--tree shows every value once, and a cycle by its path", async () => {
  expect(await inspect([`${FIXTURES}torch/cycles.pt`, "--tree"])).toBe(`$  dict, 2 keys
├── l  list, 2 items
│   ├── [0]  1
│   └── [1]  (the same as l)
└── self  (the same as $)
`);
});

test("--stats has a line for every tensor and says where NaN and Inf are", async () => {
  const text = await inspect([`${FIXTURES}checkpoint/printed.pt`, "--stats", "--filter", "whole*"]);
  expect(text).toContain("NaN or Inf in 1 tensor: whole-nan\n");
  expect(text).toMatch(/\nwhole +float32 +\[3\] +-20 +300 +93\.667 +179 +300\.67 +0 +0 +0\n/);
});

test("colours come with --color and go with --no-color, whatever the stream is", async () => {
  const shown = await inspect([AUTOENCODER, "--keys"], { hasColor: true });
  expect(shown).toContain("\u001b[2mkey");
});

describe("a folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "ltrain-inspect-"));
  const best = "plateau-earlystopping-topk-best.ckpt";
  beforeAll(() => {
    mkdirSync(join(folder, "run", "deep"), { recursive: true });
    copyFileSync(AUTOENCODER, join(folder, "run", "epoch=9.ckpt"));
    copyFileSync(`${FIXTURES}lightning/${best}`, join(folder, "run", "epoch=10.ckpt"));
    copyFileSync(`${FIXTURES}torch/st-int32.safetensors`, join(folder, "run", "deep", "weights.safetensors"));
    writeFileSync(join(folder, "run", "cut.ckpt"), readFileSync(AUTOENCODER).subarray(0, 6000));
    writeFileSync(join(folder, "run", "notes.txt"), "not looked at");
    utimesSync(join(folder, "run", "epoch=9.ckpt"), 1_700_000_000, 1_700_000_000);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  interface Survey {
    readonly checkpoints: readonly ({ readonly file: string } & Readonly<Record<string, unknown>>)[];
  }
  const survey = async (...args: readonly string[]): Promise<Survey> =>
    JSON.parse(await inspect([folder, "--json", ...args])) as Survey;
  const filesBy = async (...args: readonly string[]): Promise<string[]> =>
    (await survey(...args)).checkpoints.map(({ file }) => file.replace(/^.*\//, ""));

  test("is a table of all checkpoints below it, those that cannot be read with the reason", async () => {
    const lines = (await inspect([folder])).split("\n");
    expect(lines[0]).toMatch(/^file +epoch +step +metric +size +date +state$/);
    expect(lines.find((line) => line.startsWith("run/epoch=10.ckpt"))).toMatch(/ 3 +16 +val_loss 0\.06459 .* sound$/);
    expect(lines.find((line) => line.startsWith("run/cut.ckpt "))).toMatch(/ damaged$/);
    expect(lines.find((line) => line.startsWith("4 checkpoints"))).toBeDefined();
    expect(lines.at(-2)).toMatch(/^run\/cut\.ckpt: /);
  });

  test("is sorted by any column, either way, and what is unknown comes last", async () => {
    expect(await filesBy()).toEqual(["cut.ckpt", "weights.safetensors", "epoch=9.ckpt", "epoch=10.ckpt"]);
    expect(await filesBy("--sort", "step")).toEqual([
      "epoch=9.ckpt",
      "epoch=10.ckpt",
      "cut.ckpt",
      "weights.safetensors",
    ]);
    expect((await filesBy("--sort", "step", "--reverse")).slice(0, 2)).toEqual(["epoch=10.ckpt", "epoch=9.ckpt"]);
    expect((await filesBy("--sort", "date"))[0]).toBe("epoch=9.ckpt");
    expect((await filesBy("--sort", "size", "--reverse"))[0]).toBe("epoch=10.ckpt");
    expect((await complaint([folder, "--sort", "stepp"])).message).toContain('did you mean "step"?');
  });

  test("is the same as JSON, with the metric that the file was saved with", async () => {
    const { checkpoints } = await survey("--sort", "metric");
    const twin = JSON.parse(readFileSync(`${FIXTURES}lightning/${best.replace(".ckpt", ".json")}`, "utf8")) as {
      readonly epoch: number;
      readonly global_step: number;
    };
    expect(checkpoints[0]).toMatchObject({
      file: "run/epoch=10.ckpt",
      epoch: twin.epoch,
      global_step: twin.global_step,
      metric: { name: "val_loss" },
      sound: true,
      error: null,
    });
    expect(checkpoints.find(({ file }) => file === "run/cut.ckpt")).toMatchObject({
      sound: false,
      epoch: null,
      error: { code: "checkpoint.malformed" },
    });
  });
});
