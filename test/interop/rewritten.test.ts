import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import fc from "fast-check";
import { bufferSink } from "../../src/io/byteSink.js";
import type { ByteSink } from "../../src/io/byteSink.js";
import { PyDict } from "../../src/pickle/values.js";
import { writeNpz } from "../../src/serialization/npzWriter.js";
import { writeSafetensors } from "../../src/serialization/safetensors.js";
import { torchSave } from "../../src/serialization/torchSave.js";
import { readTensor } from "../../src/storage/strided.js";
import type { StoredTensor } from "../../src/storage/storedTensor.js";
import { EVERYWHERE, tensorsOf } from "../serialization/generatedTensors.js";
import type { Twin, TwinTensor } from "../serialization/twin.js";
import { twinOf } from "../serialization/twin.js";
import { peerTest } from "./peer.js";
import type { SeenFile, SeenTensor } from "./peerFiles.js";
import { askFiles, readByPeers, sharing } from "./peerFiles.js";
import { inTemporaryFolder } from "./runs.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

/** The command line in this process: there are hundreds of files. */
async function ltrain(...args: string[]): Promise<{ code: number; output: string; messages: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, output: terminal.output, messages: terminal.messages };
}

/** Every torch file among the fixtures that ltrain rewrites, with its twin. */
async function rewriteAll(folder: string, command: (input: string, output: string) => string[]) {
  const written: { fixture: string; path: string; twin: Twin }[] = [];
  for (const group of ["torch", "lightning"]) {
    for (const name of readdirSync(FIXTURES + group).filter((file) => /\.(pt|pth|bin|ckpt)$/.test(file))) {
      const fixture = `${group}/${name}`;
      const path = join(folder, `${group}-${name}.pt`);
      const { code, messages } = await ltrain(...command(FIXTURES + fixture, path));
      if (code === 0) written.push({ fixture, path, twin: twinOf(fixture) });
      else if (!REFUSED.has(fixture)) throw new Error(`${fixture}: ${messages}`);
    }
  }
  return written;
}

/** What torch itself refuses, or what is compressed in a way that nobody reads. */
const REFUSED: ReadonlySet<string> = new Set([
  "torch/byteorder-unknown.pt",
  "torch/zip-rezipped-lzma.pt",
  "torch/zip-leading-garbage.pt",
]);

/** The twin's dense tensors: those with a digest. */
function denseOf({ tensors }: Twin): [string, TwinTensor][] {
  return Object.entries(tensors).filter(([, { sha256 }]) => sha256 !== undefined);
}

function seen({ dtype, shape, sha256 }: SeenTensor | TwinTensor): object {
  return { dtype, shape, sha256 };
}

/** Paths below an object of a class that became a dict: attributes are keys there. */
function asKeys(path: string): string {
  return path.replace(/^\./, "").replace(/\.([A-Za-z_][A-Za-z0-9_]*)/g, '["$1"]');
}

function expectTensors(file: SeenFile, twin: Twin, fixture: string): void {
  expect({ fixture, error: file.error }).toEqual({ fixture, error: undefined });
  for (const [path, tensor] of denseOf(twin)) {
    const found = file.tensors[path] ?? file.tensors[asKeys(path)];
    expect({ fixture, path, ...(found && seen(found)) }).toEqual({ fixture, path, ...seen(tensor) });
  }
}

peerTest(
  "after sanitize, torch.load(weights_only=True) reads every fixture: bytes, dtypes, shapes and sharing as they were",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const written = await rewriteAll(folder, (input, output) => ["sanitize", input, "-o", output]);
      expect(written.length).toBeGreaterThan(120);
      const files = readByPeers(written.map(({ path }) => path));
      for (const [index, { fixture, twin }] of written.entries()) {
        const file = files[index];
        if (file === undefined) throw new Error(`no answer for ${fixture}`);
        expectTensors(file, twin, fixture);
        const paths = denseOf(twin).filter(([path]) => path in file.tensors);
        const own = Object.fromEntries(paths.map(([path]) => [path, file.tensors[path] ?? {}]));
        expect({ fixture, ...sharing(own) }).toEqual({ fixture, ...sharing(Object.fromEntries(paths)) });
      }
    });
  },
  600_000,
);

peerTest("sanitize of what it wrote changes nothing, to the last byte", async () => {
  await inTemporaryFolder(async (folder) => {
    const [once, twice] = [join(folder, "once.pt"), join(folder, "twice.pt")];
    await ltrain("sanitize", `${FIXTURES}sanitize/objects.ckpt`, "-o", once);
    const { output } = await ltrain("sanitize", once, "-o", twice);
    expect(output).toContain("nothing had to change: every value is plain data already\n");
    expect(readFileSync(twice).equals(readFileSync(once))).toBe(true);
  });
});

peerTest("what became plain data is what Python itself says of each object", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "plain.ckpt");
    await ltrain("sanitize", `${FIXTURES}sanitize/objects.ckpt`, "-o", path);
    const [file] = readByPeers([path]);
    const expected = JSON.parse(readFileSync(`${FIXTURES}sanitize/objects.json`, "utf8")) as Record<string, unknown>;
    const flat: Record<string, unknown> = {};
    flatten(expected, "hyper_parameters", flat);
    const own = Object.entries(file?.values ?? {}).filter(([key]) => key.startsWith("hyper_parameters"));
    expect(Object.fromEntries(own)).toEqual(flat);
    const tensors: SeenFile["tensors"] = file?.tensors ?? {};
    expect(tensors['config_tensor["t"]']?.storage).toBe(tensors['state_dict["weight"]']?.storage);
    expect(tensors['state_dict["view"]']?.storage).toBe(tensors['state_dict["tied"]']?.storage);
    expect(tensors['numpy["array"]']).toMatchObject({ dtype: "float32", shape: [2, 3] });
    expect(tensors['numpy["fortran"]']?.sha256).toBe(tensors['numpy["array"]']?.sha256);
    expect(tensors['numpy["random"][1]']).toMatchObject({ dtype: "uint32", shape: [624] });
  });
});

/** Values by their paths as the peer writes them; a text in brackets stands for a tuple, which the peer goes into. */
function flatten(value: unknown, path: string, into: Record<string, unknown>): void {
  if (Array.isArray(value))
    value.forEach((item, index) => {
      flatten(item, `${path}[${index}]`, into);
    });
  else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) flatten(item, `${path}[${JSON.stringify(key)}]`, into);
  } else if (typeof value === "string" && /^\(.*, .*\)$/.test(value)) {
    flatten(JSON.parse(`[${value.slice(1, -1)}]`), path, into);
  } else if (typeof value === "string" && value.startsWith("Counter(")) {
    flatten(JSON.parse(value.slice(8, -1).replaceAll("'", '"')), path, into);
  } else into[path] = value;
}

peerTest(
  "convert writes every fixture for torch, and what it would lose only when allowed",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const written = await rewriteAll(folder, (input, output) => ["convert", input, "--allow-loss", "-o", output]);
      const files = readByPeers(written.map(({ path }) => path));
      for (const [index, { fixture, twin }] of written.entries()) {
        const file = files[index];
        if (file !== undefined) expectTensors(file, twin, fixture);
      }
    });
  },
  600_000,
);

peerTest("one module of a checkpoint in all four formats has the twin's bytes, dtypes and shapes", async () => {
  await inTemporaryFolder(async (folder) => {
    const fixture = "lightning/conv-channels-last.ckpt";
    const twin = twinOf(fixture);
    const formats = ["pt", "ckpt", "safetensors", "npz"];
    for (const format of formats) {
      const { code, messages } = await ltrain(
        "extract",
        FIXTURES + fixture,
        "--prefix",
        "",
        "-o",
        join(folder, `out.${format}`),
      );
      expect({ format, code, messages: code === 0 ? "" : messages }).toEqual({ format, code: 0, messages: "" });
    }
    const files = readByPeers(formats.map((format) => join(folder, `out.${format}`)));
    const expected = Object.fromEntries(
      denseOf(twin)
        .filter(([path]) => path.startsWith("state_dict["))
        .map(([path, tensor]) => [JSON.parse(path.slice("state_dict[".length, -1)) as string, seen(tensor)]),
    );
    expect(Object.keys(expected).length).toBeGreaterThan(4);
    for (const [index, format] of formats.entries()) {
      const { tensors, error } = files[index] ?? { tensors: {}, error: "no answer" };
      const names = Object.entries(tensors).map(([path, tensor]) => {
        const text = path.replace(/^state_dict/, "");
        return [text.startsWith("[") ? (JSON.parse(text.slice(1, -1)) as string) : text, seen(tensor)] as const;
      });
      expect({ format, error, tensors: Object.fromEntries(names) }).toEqual({
        format,
        error: undefined,
        tensors: expected,
      });
    }
  });
});

peerTest("tied weights and views are one storage in a pt file, and the bytes of each in the others", async () => {
  await inTemporaryFolder(async (folder) => {
    const input = `${FIXTURES}lightning/tied-weights.ckpt`;
    const twin = twinOf("lightning/tied-weights.ckpt");
    await ltrain("extract", input, "--prefix", "", "-o", join(folder, "tied.pt"));
    const { messages } = await ltrain("extract", input, "--prefix", "", "-o", join(folder, "tied.safetensors"));
    expect(messages).toContain("safetensors shares no memory; 1 shared tensor written for each name");
    const [pt, safetensors] = readByPeers([join(folder, "tied.pt"), join(folder, "tied.safetensors")]);
    const names = denseOf(twin)
      .filter(([path]) => path.startsWith("state_dict["))
      .map(([path, tensor]) => [path.slice("state_dict".length), tensor] as const);
    const expected = sharing(Object.fromEntries(names));
    const bare = (path: string): string => (/^\["[A-Za-z_][A-Za-z0-9_-]*"\]$/.test(path) ? path.slice(2, -2) : path);
    const own = sharing(pt?.tensors ?? {});
    expect(own).toEqual(Object.fromEntries(Object.entries(expected).map(([a, b]) => [bare(a), bare(b)])));
    for (const [path, tensor] of names) expect(safetensors?.tensors[bare(path)]).toMatchObject(seen(tensor));
  });
});

peerTest("--dtype rounds every bit pattern of interest as torch does", async () => {
  await inTemporaryFolder(async (folder) => {
    const source = join(folder, "patterns.pt");
    expect(askFiles([{ patterns: source }])).toEqual([{}]);
    const dtypes = ["float16", "bfloat16", "float32"];
    for (const dtype of dtypes) {
      const { code, messages } = await ltrain(
        ..."extract --prefix".split(" "),
        "",
        source,
        "--dtype",
        dtype,
        "-o",
        join(folder, `${dtype}.pt`),
      );
      expect({ code, messages }).toEqual({ code: 0, messages: "" });
    }
    const answers = askFiles<{ wrong: string[]; compared: number }>(
      dtypes.map((dtype) => ({ cast: source, to: join(folder, `${dtype}.pt`), dtype })),
    );
    expect(answers).toEqual(dtypes.map(() => ({ wrong: [], compared: 12 })));
  });
});

peerTest(
  "generated tensors, views of shared storages among them, are to the real libraries what they were",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const trees = fc.sample(tensorsOf(EVERYWHERE), { numRuns: 40, seed: 20 });
      const writers: Record<string, (tensors: ReadonlyMap<string, StoredTensor>, sink: ByteSink) => Promise<void>> = {
        pt: (tensors, sink) => torchSave(new PyDict(tensors), sink),
        safetensors: writeSafetensors,
        npz: writeNpz,
      };
      const paths: string[] = [];
      for (const [index, tree] of trees.entries()) {
        for (const [extension, write] of Object.entries(writers)) {
          const sink = bufferSink();
          await write(named(tree), sink);
          const path = join(folder, `${index}.${extension}`);
          writeFileSync(path, sink.bytes());
          paths.push(path);
        }
      }
      const files = readByPeers(paths);
      for (const [index, path] of paths.entries()) {
        const tree = named(trees[Math.floor(index / 3)] ?? new Map());
        const { tensors, error } = files[index] ?? { tensors: {}, error: "no answer" };
        expect({ path, error }).toEqual({ path, error: undefined });
        const own = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, seen(tensor)]));
        expect({ path, error, tensors: own }).toEqual({ path, error: undefined, tensors: await digests(tree) });
        if (!path.endsWith(".pt")) continue;
        const storages = new Map(
          [...new Set([...tree.values()].map(({ storage }) => storage))].map((each, i) => [each, i]),
        );
        const placed = Array.from(
          tree,
          ([name, { storage }]) => [name, { storage: storages.get(storage) ?? -1 }] as const,
        );
        expect({ path, ...sharing(tensors) }).toEqual({ path, ...sharing(Object.fromEntries(placed)) });
      }
    });
  },
);

/** Plain names: how odd ones are spelled is another test's affair. */
function named(tree: ReadonlyMap<string, StoredTensor>): Map<string, StoredTensor> {
  return new Map([...tree.values()].map((tensor, index) => [`t${index}`, tensor]));
}

async function digests(tree: ReadonlyMap<string, StoredTensor>): Promise<Record<string, object>> {
  const result: Record<string, object> = {};
  for (const [name, tensor] of tree) {
    const { bytes } = await readTensor(tensor);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    result[name] = { dtype: tensor.dtype, shape: [...tensor.shape], sha256 };
  }
  return result;
}
