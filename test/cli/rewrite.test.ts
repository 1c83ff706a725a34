import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "../../src/checkpoint/openCheckpoint.js";
import { tensorsOf } from "../../src/checkpoint/treePaths.js";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { PyDict } from "../../src/pickle/values.js";
import { readTensor } from "../../src/storage/strided.js";
import { spawnLtrain } from "./spawnLtrain.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));
const CHECKPOINT = `${FIXTURES}lightning/autoencoder-adam-steplr.ckpt`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ltrain-rewrite-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function ltrain(...args: string[]): Promise<{ code: number; output: string; messages: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, output: terminal.output, messages: terminal.messages };
}

/** Paths of a file's tensors and their bytes. */
async function contentOf(path: string): Promise<Record<string, string>> {
  const file = await openCheckpoint(path);
  const content: Record<string, string> = {};
  for (const { path: name, tensor } of tensorsOf(file.root)) {
    content[name] = Buffer.from((await readTensor(tensor)).bytes).toString("hex");
  }
  await file.close();
  return content;
}

async function keysOf(path: string): Promise<unknown[]> {
  const file = await openCheckpoint(path);
  await file.close();
  return file.root instanceof PyDict ? file.root.keys() : [];
}

describe("extract", () => {
  test("a ckpt has the keys that Lightning's save_weights_only has, with the cut state_dict", async () => {
    const out = join(folder, "encoder.ckpt");
    const { messages } = await ltrain("extract", CHECKPOINT, "--prefix", "encoder.", "-o", out);
    expect(messages).toContain("without optimizers, schedulers and callbacks, as Lightning's save_weights_only");
    // The keys of lightning/save-weights-only.ckpt, which Lightning wrote.
    expect(await keysOf(out)).toEqual(await keysOf(`${FIXTURES}lightning/save-weights-only.ckpt`));
    expect(Object.keys(await contentOf(out)).every((path) => path.startsWith('state_dict["encoder.'))).toBe(true);
  });

  test("--key takes another part, as it stands where nothing is chosen or renamed", async () => {
    const out = join(folder, "optimizer.pt");
    const { output } = await ltrain("extract", CHECKPOINT, "--key", "optimizer_states[0]", "-o", out);
    expect(output).toContain("as it stands in the file\n");
    expect(await keysOf(out)).toEqual(["state", "param_groups"]);
    const all = await contentOf(CHECKPOINT);
    const content = await contentOf(out);
    expect(content['state[0]["exp_avg"]']).toBe(all['optimizer_states[0]["state"][0]["exp_avg"]']);
  });

  test("of a part with levels the tensors alone are named by the way to them", async () => {
    const out = join(folder, "moments.npz");
    const args = ["--key", "optimizer_states[0].state", "--include", "*.exp_avg", "--add-prefix", "adam."];
    const { code } = await ltrain("extract", CHECKPOINT, ...args, "-o", out);
    expect(code).toBe(0);
    expect((await keysOf(out)).slice(0, 2)).toEqual(["adam.0.exp_avg", "adam.1.exp_avg"]);
  });

  test("a map from a JSON or a YAML file renames", async () => {
    writeFileSync(join(folder, "map.json"), '{"encoder.l1.0.weight": "in.weight"}');
    writeFileSync(join(folder, "map.yaml"), "encoder.l1.0.weight: in.weight\n");
    for (const map of ["map.json", "map.yaml"]) {
      const out = join(folder, `${map}.pt`);
      await ltrain("extract", CHECKPOINT, "--include", "encoder.l1.0.*", "--map", join(folder, map), "-o", out);
      expect(await keysOf(out)).toEqual(["in.weight", "encoder.l1.0.bias"]);
    }
    writeFileSync(join(folder, "list.json"), '["a"]');
    const wrong = await ltrain("extract", CHECKPOINT, "--map", join(folder, "list.json"), "-o", join(folder, "x.pt"));
    expect(wrong.code).toBe(2);
    expect(wrong.messages).toContain("list.json is not an object of old names to new ones");
  });

  test("--dry-run shows names, dtypes and sizes, and writes nothing", async () => {
    const args = ["--prefix", "encoder.l1.0", "--strip-prefix", "--dtype", "bfloat16", "--dry-run"];
    const { code, output } = await ltrain("extract", CHECKPOINT, ...args, "-o", join(folder, "x.pt"));
    expect(code).toBe(0);
    expect(output).toBe(
      [
        "name    in the file          dtype     shape   parameters  size",
        "weight  encoder.l1.0.weight  bfloat16  [4, 8]          32  64 B",
        "bias    encoder.l1.0.bias    bfloat16  [4]              4   8 B",
        `would write ${join(folder, "x.pt")}: 2 tensors, 36 parameters, 72 B`,
        "names: without the prefix encoder.l1.0",
        "",
      ].join("\n"),
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test("-o - writes the very bytes of the file to standard output, and its report to stderr", async () => {
    const out = join(folder, "encoder.safetensors");
    await ltrain("extract", CHECKPOINT, "--prefix", "encoder.", "-o", out);
    const piped = await spawnLtrain(folder, [
      ...["extract", CHECKPOINT, "--prefix", "encoder.", "--format", "safetensors", "-o", "-"],
    ]);
    expect(piped).toMatchObject({ code: 0, stdout: readFileSync(out).toString() });
    expect(piped.stderr).toContain("wrote standard output: 4 tensors");
  });

  test("nothing is written inside a folder that is read, nor without saying what", async () => {
    const nothing = await ltrain("extract", CHECKPOINT, "-o", join(folder, "x.pt"));
    expect(nothing.code).toBe(2);
    const dcp = `${FIXTURES}lightning/dcp-many-files.ckpt`;
    if (!existsSync(dcp)) return;
    const inside = await ltrain("extract", dcp, "--prefix", "", "-o", join(dcp, "out.pt"));
    expect(inside.code).toBe(5);
  });

  test("an unknown dtype and a part without tensors are named", async () => {
    const dtype = await ltrain("extract", CHECKPOINT, "--dtype", "float61", "-o", join(folder, "x.pt"));
    expect(dtype).toMatchObject({ code: 2, messages: expect.stringContaining('did you mean "float16"?') as string });
    const empty = await ltrain("extract", CHECKPOINT, "--key", "hyper_parameters", "-o", join(folder, "x.pt"));
    expect(empty).toMatchObject({ code: 4, messages: expect.stringContaining("there are no tensors in") as string });
  });
});

describe("convert", () => {
  test("what a format cannot hold is an error that names it, unless it is allowed", async () => {
    const out = join(folder, "weights.safetensors");
    const refused = await ltrain("convert", CHECKPOINT, "-o", out);
    expect(refused.code).toBe(5);
    expect(refused.messages).toContain("safetensors cannot hold epoch, global_step, pytorch-lightning_version, loops");
    expect(existsSync(out)).toBe(false);
    const allowed = await ltrain("convert", CHECKPOINT, "--allow-loss", "-o", out);
    expect(allowed.code).toBe(0);
    expect(allowed.messages).toContain("lost: optimizer_states (24 tensors)\n");
    const all = await contentOf(CHECKPOINT);
    const weights = Object.entries(await contentOf(out)).map(([, bytes]) => bytes);
    const expected = Object.entries(all).filter(([path]) => path.startsWith("state_dict["));
    expect(weights.sort()).toEqual(expected.map(([, bytes]) => bytes).sort());
  });

  test("safetensors, npz, pt and ckpt in a circle keep every byte", async () => {
    const first = join(folder, "a.safetensors");
    await ltrain("extract", CHECKPOINT, "--prefix", "", "-o", first);
    const before = await contentOf(first);
    const files = ["b.npz", "c.pt", "d.ckpt"].map((name) => join(folder, name));
    let input = first;
    for (const output of files) {
      expect(await ltrain("convert", input, "-o", output)).toMatchObject({ code: 0, messages: "" });
      input = output;
    }
    expect(await contentOf(join(folder, "c.pt"))).toEqual(before);
    expect(await keysOf(input)).toEqual(["epoch", "global_step", "pytorch-lightning_version", "state_dict"]);
  });

  test("numpy has no bfloat16: it becomes float32 when that is allowed", async () => {
    const input = `${FIXTURES}torch/dtype-bfloat16.pt`;
    const refused = await ltrain("convert", input, "-o", join(folder, "x.npz"));
    expect(refused.messages).toContain("(bfloat16 becomes float32)");
    const args = ["convert", input, "--allow-loss", "-o", join(folder, "x.npz"), "--json"];
    const { output } = await ltrain(...args);
    expect((JSON.parse(output) as { lost: string[] }).lost.every((loss) => loss.includes("bfloat16"))).toBe(true);
  });

  test("a file from before torch 1.6 becomes a zip of today", async () => {
    const out = join(folder, "new.pt");
    const { output } = await ltrain("convert", `${FIXTURES}torch/legacy-state-dict.pth`, "-o", out);
    expect(output).toContain("(torch-legacy to pt)");
    expect(await contentOf(out)).toEqual(await contentOf(`${FIXTURES}torch/legacy-state-dict.pth`));
  });

  test("neither a name nor a format is a usage error", async () => {
    expect(await ltrain("convert", CHECKPOINT)).toMatchObject({ code: 2 });
  });
});

describe("sanitize", () => {
  const objects = `${FIXTURES}sanitize/objects.ckpt`;

  test("it lists what became plain data: where, of which class, and what it is now", async () => {
    const out = join(folder, "clean.ckpt");
    const { code, output } = await ltrain("sanitize", objects, "-o", out, "--json");
    expect(code).toBe(0);
    const { made_plain: notes, was_fine } = JSON.parse(output) as {
      made_plain: { path: string; class: string; became: string }[];
      was_fine: boolean;
    };
    expect(was_fine).toBe(false);
    expect(notes).toContainEqual({
      path: 'hyper_parameters["args"]["sub"]',
      class: "argparse.Namespace",
      became: "a dict",
    });
    expect(notes).toContainEqual({
      path: 'hyper_parameters["cfg"]["layers"]',
      class: "omegaconf.listconfig.ListConfig",
      became: "a list",
    });
    expect(notes).toContainEqual({
      path: 'numpy["array"]',
      class: "numpy.ndarray",
      became: "a tensor float32 [2, 3]",
    });
    const file = await openCheckpoint(out);
    expect(file.foreignGlobals).toEqual([]);
    await file.close();
  });

  test("--dry-run lists it and writes nothing", async () => {
    const { output } = await ltrain("sanitize", objects, "--dry-run", "-o", join(folder, "x.ckpt"));
    expect(output).toContain("argparse.Namespace");
    expect(output).toContain("would write");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a file that is fine is said to be, and is written all the same", async () => {
    const out = join(folder, "same.ckpt");
    const { output } = await ltrain("sanitize", CHECKPOINT, "-o", out);
    expect(output).toContain("nothing had to change: every value is plain data already\n");
    expect(await contentOf(out)).toEqual(await contentOf(CHECKPOINT));
  });

  test("a format without Python objects needs none of it", async () => {
    const { code, messages } = await ltrain(
      "sanitize",
      `${FIXTURES}torch/st-int32.safetensors`,
      "-o",
      join(folder, "x.pt"),
    );
    expect(code).toBe(2);
    expect(messages).toContain("is a file of safetensors, which holds no Python objects");
  });
});
