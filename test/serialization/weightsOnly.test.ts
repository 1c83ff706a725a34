import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { opcodeName } from "../../src/pickle/opcodes.js";
import { loadFixture } from "./twin.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

interface Verdict {
  readonly torch_load_weights_only?: { readonly ok: boolean; readonly message?: string };
}

/** Readable torch files with what torch.load(weights_only=True) said of them. */
const judged = ["lightning", "torch"].flatMap((folder) =>
  readdirSync(FIXTURES + folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ckpt|pt|pth|bin)$/.test(entry.name))
    .flatMap(({ name }) => {
      const twin = JSON.parse(
        readFileSync(`${FIXTURES}${folder}/${name.replace(/\.\w+$/, "")}.json`, "utf8"),
      ) as Verdict;
      return twin.torch_load_weights_only === undefined
        ? []
        : [[`${folder}/${name}`, twin.torch_load_weights_only] as const];
    }),
);
const accepted = judged.filter(([, { ok }]) => ok);
const refused = judged.flatMap(([path, { message = "" }]) => {
  const named = /Unsupported global: GLOBAL (\S+) was not an allowed global/.exec(message)?.[1];
  return named === undefined ? [] : [[path, named] as const];
});

test("there are files of both kinds", () => {
  expect(accepted.length).toBeGreaterThan(80);
  expect(refused.length).toBeGreaterThan(10);
});

// In a fresh process torch refuses it too, until torch.nested and torch._dynamo are imported.
test.each(accepted.filter(([path]) => path !== "torch/nested-jagged.pt"))(
  "%s names nothing that weights_only=True refuses",
  async (path) => {
    expect((await loadFixture(path)).foreignGlobals.map(String)).toEqual([]);
  },
);

test.each(refused)("%s names %s, which weights_only=True refuses", async (path, named) => {
  expect((await loadFixture(path)).foreignGlobals.map(String)).toContain(named);
});

/** Files that torch refuses for an opcode, and which. */
const stopped = judged.flatMap(([path, { message = "" }]) => {
  const byte = /Unsupported operand (\d+)/.exec(message)?.[1];
  const opcode = opcodeName(Number(byte));
  // What torch takes for a file of the old kind, its first byte being none of zip's, has no opcode at all.
  return byte === undefined || opcode.startsWith("opcode ") ? [] : [[path, opcode] as const];
});

test("there are files with opcodes that torch does not read safely", () => {
  expect(stopped.length).toBeGreaterThan(3);
});

test.each(stopped)("%s has %s, which weights_only=True refuses", async (path, opcode) => {
  expect((await loadFixture(path)).refusedOpcodes).toContain(opcode);
});

test.each(accepted)("%s has no opcode that weights_only=True refuses", async (path) => {
  expect((await loadFixture(path)).refusedOpcodes ?? []).toEqual([]);
});
