import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "../../src/checkpoint/openCheckpoint.js";
import { PyGlobal } from "../../src/pickle/values.js";
import { isWeightsOnlyGlobal } from "../../src/serialization/weightsOnly.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

/** torch 2.13's own list, written down by test/fixtures/checkpoint/make-globals.py. */
const { allowed } = JSON.parse(readFileSync(`${FIXTURES}checkpoint/weights-only.json`, "utf8")) as {
  readonly allowed: readonly string[];
};

function globalOf(path: string): PyGlobal {
  const dot = path.lastIndexOf(".");
  return new PyGlobal(path.slice(0, dot), path.slice(dot + 1));
}

test("every name that torch accepts by default is accepted", () => {
  expect(allowed.length).toBe(144);
  expect(allowed.filter((path) => !isWeightsOnlyGlobal(globalOf(path)))).toEqual([]);
});

test("none of those names is accepted in another module", () => {
  const modules = new Set(allowed.map((path) => globalOf(path).module));
  for (const more of ["torch.xpu", "torch.mps", "torch.hpu", "os", "numpy", "__main__"]) modules.add(more);
  const names = new Set(allowed.map((path) => globalOf(path).name));
  const all = [...modules].flatMap((module) => [...names].map((name) => new PyGlobal(module, name)));
  expect(
    all
      .filter((global) => isWeightsOnlyGlobal(global))
      .map(String)
      .sort(),
  ).toEqual([...allowed].sort());
});

interface Twin {
  readonly torch_load_weights_only?: { readonly ok: boolean; readonly message?: string };
}

const files = ["lightning", "torch"].flatMap((folder) =>
  readdirSync(FIXTURES + folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".json"))
    .map(({ name }) => `${folder}/${name}`),
);
/** Accepted only after `import torch.nested, torch._dynamo`, as in the process that made the twins. */
const AFTER_IMPORT = "torch/nested-jagged.pt";
const verdicts = files.flatMap((file): [string, string | null][] => {
  if (file === AFTER_IMPORT) return [[file, "torch.nested._internal.nested_tensor._rebuild_njt"]];
  const twin = JSON.parse(readFileSync(`${FIXTURES}${file.replace(/\.\w+$/, ".json")}`, "utf8")) as Twin;
  const { ok, message = "" } = twin.torch_load_weights_only ?? { ok: false };
  if (ok) return [[file, null]];
  // What torch refuses for another reason than a name says nothing about names.
  const name = /Unsupported global: GLOBAL (\S+) was not/.exec(message)?.[1];
  return name === undefined ? [] : [[file, name]];
});

test("there are files of both kinds", () => {
  expect(verdicts.filter(([, name]) => name === null).length).toBeGreaterThan(100);
  expect(verdicts.filter(([, name]) => name !== null).length).toBeGreaterThan(12);
});

test.each(verdicts)("%s: the first name that is refused is the one torch complains of, %s", async (file, name) => {
  const { foreignGlobals, close } = await openCheckpoint(FIXTURES + file);
  await close();
  expect(foreignGlobals[0]?.toString() ?? null).toBe(name);
});
