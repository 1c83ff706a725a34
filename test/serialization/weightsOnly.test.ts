import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
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
