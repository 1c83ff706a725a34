import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

interface Twin {
  readonly container: string;
  readonly tensors?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly arrays?: Readonly<Record<string, { readonly shape: readonly number[]; readonly sha256: string }>>;
  readonly epoch?: number;
  readonly global_step?: number;
  readonly "pytorch-lightning_version"?: string;
  readonly torch_load?: { readonly ok: boolean };
}

interface Found {
  readonly schema_version: number;
  readonly format: string;
  readonly epoch: number | null;
  readonly global_step: number | null;
  readonly lightning_version: string | null;
  readonly tensors: readonly ({ readonly path: string } & Readonly<Record<string, unknown>>)[];
}

const files = ["lightning", "torch"].flatMap((folder) =>
  readdirSync(FIXTURES + folder)
    .filter((name) => !name.endsWith(".json"))
    .map((name) => `${folder}/${name}`),
);
const twinOf = (file: string): Twin =>
  JSON.parse(readFileSync(`${FIXTURES}${file.replace(/\.\w+$/, ".json")}`, "utf8")) as Twin;

async function inspect(file: string): Promise<Found> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", "inspect", FIXTURES + file, "--json", "--sha256"], terminal);
  expect({ code, messages: terminal.messages }).toEqual({ code: 0, messages: "" });
  return JSON.parse(terminal.output) as Found;
}

/** What torch refuses whatever it is asked, ltrain may refuse too. */
const readable = files.filter((file) => twinOf(file).torch_load?.ok !== false);

test("there are fixtures of every kind", () => {
  expect(readable.length).toBeGreaterThan(150);
});

test.each(readable.filter((file) => twinOf(file).tensors !== undefined))(
  "%s: inspect --json --sha256 has every tensor of the twin, byte for byte, and no other",
  async (file) => {
    const twin = twinOf(file);
    const found = await inspect(file);
    // The twin of a folder tells of its index; Lightning's own dictionary lies beside it in meta.pt.
    const inTwin = found.tensors.filter(({ path }) => !/dcp-/.test(file) || twin.tensors?.[path] !== undefined);
    expect(inTwin.map(({ path }) => path)).toEqual(Object.keys(twin.tensors ?? {}));
    for (const { path, ...tensor } of inTwin) expect({ path, ...tensor }).toMatchObject(twin.tensors?.[path] ?? {});
    expect(found.schema_version).toBe(1);
    if (twin.epoch !== undefined) {
      expect([found.epoch, found.global_step]).toEqual([twin.epoch, twin.global_step]);
      expect(found.lightning_version ?? undefined).toBe(twin["pytorch-lightning_version"]);
    }
  },
);

test.each(readable.filter((file) => twinOf(file).arrays !== undefined))(
  "%s: inspect --json --sha256 has every array of the twin; big-endian numbers are turned",
  async (file) => {
    const { arrays = {} } = twinOf(file);
    const { tensors } = await inspect(file);
    expect(tensors.map(({ shape, sha256 }) => ({ shape, sha256 }))).toEqual(
      Object.values(arrays).map(({ shape, sha256 }) => ({ shape, sha256 })),
    );
    const names = Object.keys(arrays).map((name) => (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? name : `["${name}"]`));
    expect(tensors.map(({ path }) => path)).toEqual(names);
  },
);
