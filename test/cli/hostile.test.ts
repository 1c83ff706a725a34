import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";

const FOLDER = fileURLToPath(new URL("../fixtures/hostile/", import.meta.url));

interface Twin {
  readonly file: string;
  readonly fault: string;
  readonly expect: {
    readonly outcome: "reject" | "identify" | "inert" | "readable" | "either";
    readonly globals?: readonly string[];
    readonly must_not_exist?: string;
  };
  readonly tensors?: Readonly<Record<string, { readonly dtype: string; readonly shape: readonly number[] }>>;
}

const twins = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(FOLDER + name, "utf8")) as Twin);
const withOutcome = (...outcomes: string[]): [string, string, Twin][] =>
  twins.filter((twin) => outcomes.includes(twin.expect.outcome)).map((twin) => [twin.file, twin.fault, twin]);

/** Damage inside a tensor's bytes: the structure is whole, and inspect does not read tensors. verify does. */
const ONLY_BYTES_ARE_WRONG = ["flipped-tensor-0.ckpt", "flipped-tensor-23.ckpt", "zeroed-kilobyte.ckpt"];
/** Of these the wrong bytes are in no tensor of the state_dict, or the file may simply be read. */
const EXTRACTABLE = ["flipped-tensor-23.ckpt", "really-safetensors.ckpt"];
const READ_BY_CONTENT = ["really-safetensors.ckpt"];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hostile-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});
/** The code that these files would run writes this. */
const MARKER = join(tmpdir(), "pwned");
afterEach(() => {
  expect(existsSync(MARKER)).toBe(false);
});

interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly messages: string;
}

async function ltrain(...args: string[]): Promise<Outcome> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, output: terminal.output, messages: terminal.messages };
}

const extract = (file: string): Promise<Outcome> =>
  ltrain("extract", FOLDER + file, "--include", "*", "-o", join(folder, "out.pt"), "--force");

/** One line that names the file, and perhaps a hint; no stack. */
function expectOneError({ code, output, messages }: Outcome, file: string): void {
  expect(code).toBe(3);
  expect(output).toBe("");
  const [first = "", ...rest] = messages.trimEnd().split("\n");
  expect(first).toMatch(/^error: /);
  expect(first).toContain(file);
  expect(rest.length).toBeLessThanOrEqual(1);
  for (const line of rest) expect(line).toMatch(/^hint: {2}/);
}

test("the corpus is here", () => {
  expect(twins.length).toBeGreaterThan(180);
});

test.each(withOutcome("reject", "identify"))(
  "%s (%s): inspect, extract and verify refuse it",
  async (file, _, twin) => {
    const inspected = await ltrain("inspect", FOLDER + file);
    if (ONLY_BYTES_ARE_WRONG.includes(file) || READ_BY_CONTENT.includes(file)) expect(inspected.code).toBe(0);
    else expectOneError(inspected, file);
    const extracted = await extract(file);
    if (EXTRACTABLE.includes(file)) expect(extracted.code).toBe(0);
    else expectOneError(extracted, file);
    const verified = await ltrain("verify", FOLDER + file);
    expect(verified.code).toBe(READ_BY_CONTENT.includes(file) ? 0 : 3);
    for (const global of twin.expect.globals ?? []) expect(inspected.messages).toContain(global);
  },
);

test.each(withOutcome("inert", "readable"))(
  "%s (%s): it is shown, nothing in it is run, and what it names is told",
  async (file, _, twin) => {
    const { code, output } = await ltrain("inspect", "--json", FOLDER + file);
    expect(code).toBe(0);
    const shown = JSON.parse(output) as {
      readonly foreign_globals: readonly string[];
      readonly tensors: readonly { readonly path: string; readonly dtype: string; readonly shape: readonly number[] }[];
    };
    for (const global of twin.expect.globals ?? []) expect(shown.foreign_globals).toContain(global);
    for (const [path, { dtype, shape }] of Object.entries(twin.tensors ?? {})) {
      expect(shown.tensors.find((tensor) => tensor.path === path)).toMatchObject({ dtype, shape });
    }
    expect((await ltrain("inspect", FOLDER + file)).code).toBe(0);
    expect((await ltrain("verify", FOLDER + file)).code).toBe(0);
    expect([0, 3, 4, 5]).toContain((await extract(file)).code);
  },
);

test.each(withOutcome("either"))("%s (%s): it is read or refused, soon", async (file) => {
  for (const args of [["inspect"], ["inspect", "--json"], ["inspect", "--tree"], ["verify"]]) {
    const { code } = await ltrain(...args, FOLDER + file);
    expect([0, 3]).toContain(code);
  }
  expect([0, 3, 4, 5]).toContain((await extract(file)).code);
});

test.each([
  ["negative-stride.ckpt", 'data.pkl, byte 244 (REDUCE), in state_dict["weight"]: a tensor\'s stride is -1'],
  ["view-last-element-by-one.ckpt", 'in state_dict["weight"]: tensor float32 [2, 3] with stride [3, 1] from element 1'],
  ["storage-claims-1TB.ckpt", 'in state_dict["weight"]: storage "0" should be 1099511627776 bytes long'],
  ["zip-bomb-pickle.ckpt", "a pickle that shrinks to less than a 100th is not read"],
  ["zip-bomb-lying-usize.ckpt", "compressed bytes for the 24 it says it holds"],
  ["zip-unknown-method.ckpt", "encrypted (AES)"],
])("%s is refused with its place and its path: %s", async (file, message) => {
  const { code, messages } = await ltrain("inspect", FOLDER + file);
  expect(code).toBe(3);
  expect(messages).toContain(message);
});
