import { existsSync, linkSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { readTensor } from "../../src/storage/strided.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/lightning/", import.meta.url));

let folder: string;
let input: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "extract-"));
  input = join(folder, "in.ckpt");
  writeFileSync(input, readFileSync(`${FIXTURES}autoencoder-adam-steplr.ckpt`));
});

async function extract(...args: string[]): Promise<{ code: number; output: string; messages: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", "extract", ...args], terminal);
  return { code, output: terminal.output, messages: terminal.messages };
}

/** Names and bytes of a file's tensors. */
async function contentOf(path: string): Promise<Record<string, string>> {
  const { checkpoint, close } = await loadCheckpoint(path);
  const content: Record<string, string> = {};
  for (const [name, tensor] of checkpoint.stateDict.tensors) {
    content[name] = Buffer.from((await readTensor(tensor)).bytes).toString("hex");
  }
  await close();
  return content;
}

test.each(["pt", "safetensors"])(
  "the keys under a prefix go into a %s file with their names and their bytes",
  async (format) => {
    const out = join(folder, `out.${format}`);
    const { code, output } = await extract(input, "--prefix", "encoder.", "-o", out);
    expect(code).toBe(0);
    expect(output).toBe(
      `wrote ${out}: 4 tensors, 46 parameters, 184 B\nnames: kept, with the prefix encoder. (--strip-prefix takes it off)\n`,
    );
    const all = await contentOf(input);
    const expected = Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith("encoder.")));
    expect(await contentOf(out)).toEqual(expected);
  },
);

test("--strip-prefix takes the prefix off, and says so", async () => {
  const out = join(folder, "out.pt");
  const { output } = await extract(input, "--prefix", "encoder", "--strip-prefix", "-o", out);
  expect(output).toContain("names: without the prefix encoder\n");
  expect(Object.keys(await contentOf(out))).toEqual(["l1.0.weight", "l1.0.bias", "l1.2.weight", "l1.2.bias"]);
});

test("the input is never written over, not even through a link or with --force", async () => {
  const before = readFileSync(input);
  const [soft, hard] = [join(folder, "soft.pt"), join(folder, "hard.pt")];
  symlinkSync(input, soft);
  linkSync(input, hard);
  for (const out of [input, soft, hard]) {
    const { code, messages } = await extract(input, "--prefix", "encoder.", "--force", "-o", out);
    expect(code).toBe(5);
    expect(messages).toContain(`the output ${out} is the input itself`);
  }
  expect(readFileSync(input).equals(before)).toBe(true);
});

test("an existing file is replaced with --force only", async () => {
  const out = join(folder, "out.pt");
  writeFileSync(out, "precious");
  const refused = await extract(input, "--prefix", "encoder.", "-o", out);
  expect(refused).toMatchObject({ code: 5, output: "" });
  expect(readFileSync(out, "utf8")).toBe("precious");
  expect(await extract(input, "--prefix", "encoder.", "-o", out, "--force")).toMatchObject({ code: 0 });
  expect(Object.keys(await contentOf(out)).length).toBe(4);
});

test("a failure leaves nothing behind", async () => {
  const out = join(folder, "out.pt");
  const { code, messages } = await extract(input, "--prefix", "encodr.", "-o", out);
  expect(code).toBe(4);
  expect(messages).toBe(
    'error: no key of the state_dict starts with "encodr."; there are encoder., decoder.\nhint:  did you mean "encoder."?\n',
  );
  expect(existsSync(out)).toBe(false);
  expect(readdirSync(folder)).toEqual(["in.ckpt"]);
});

test("an output folder gets a name that says what is in it", async () => {
  const { output } = await extract(input, "--prefix", "encoder.", "-o", folder, "--format", "safetensors", "--json");
  expect(JSON.parse(output)).toMatchObject({
    input,
    output: join(folder, "in.encoder.safetensors"),
    format: "safetensors",
    prefixes: ["encoder."],
    strip_prefix: false,
    parameters: 46,
    bytes: 184,
  });
});

test("a format that contradicts the name is refused: torch.load would go by the name", async () => {
  const { code, messages } = await extract(
    input,
    "--prefix",
    "encoder.",
    "-o",
    join(folder, "x.safetensors"),
    "--format",
    "pt",
  );
  expect(code).toBe(2);
  expect(messages).toContain("does not go with the name");
});

test("no prefix is a usage error, an unknown format a hint", async () => {
  expect(await extract(input)).toMatchObject({ code: 2 });
  const { code, messages } = await extract(input, "--prefix", "encoder.", "--format", "safetensor");
  expect(code).toBe(2);
  expect(messages).toContain('hint:  did you mean "safetensors"?');
});

test("two prefixes go into one file, in the file's order", async () => {
  const out = join(folder, "out.pt");
  await extract(input, "--prefix", "decoder.l1.0", "--prefix", "encoder.l1.0", "-o", out);
  expect(Object.keys(await contentOf(out))).toEqual([
    "encoder.l1.0.weight",
    "encoder.l1.0.bias",
    "decoder.l1.0.weight",
    "decoder.l1.0.bias",
  ]);
});

test("damage in a tensor that is wanted is found, named with the file, and nothing is written", async () => {
  const bytes = readFileSync(input);
  const [first = 0] = (await tensorOffsets()).slice(0, 1);
  bytes[first] = (bytes[first] ?? 0) ^ 1; // one bit of encoder.l1.0.weight
  writeFileSync(input, bytes);
  const out = join(folder, "out.pt");
  const { code, messages } = await extract(input, "--prefix", "encoder.", "-o", out);
  expect(code).toBe(3);
  expect(messages).toContain(`${input}: record "archive/data/0"`);
  expect(readdirSync(folder)).toEqual(["in.ckpt"]);
});

/** Where the first tensor's bytes lie in the file: they are known from the file itself. */
async function tensorOffsets(): Promise<number[]> {
  const [wanted = ""] = Object.values(await contentOf(input));
  return [readFileSync(input).indexOf(Buffer.from(wanted, "hex"))];
}

test("no checkpoint given means the newest of the runs under the current folder, and stderr says which", async () => {
  const before = process.cwd();
  process.chdir(folder);
  try {
    const { code, output, messages } = await extract("--prefix", "decoder.");
    expect(code).toBe(0);
    expect(messages).toBe("using in.ckpt (the newest: epoch 2, global step 8)\n");
    expect(output).toContain("wrote in.decoder.pt: 4 tensors");
  } finally {
    process.chdir(before);
  }
  expect(Object.keys(await contentOf(join(folder, "in.decoder.pt"))).length).toBe(4);
});
