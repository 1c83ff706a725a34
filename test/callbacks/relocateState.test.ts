import { mkdir, mkdtemp, realpath, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModelCheckpoint } from "../../src/callbacks/modelCheckpoint.js";
import { liesIn, relocateState } from "../../src/callbacks/relocateState.js";
import { float, fromPlain } from "../../src/pickle/convert.js";
import { PyDict } from "../../src/pickle/values.js";

let root: string;
let before: string;
let here: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "ltrain-relocate-")));
  before = join(root, "version_0", "checkpoints");
  here = join(root, "version_1", "checkpoints");
  for (const folder of [before, here]) await mkdir(folder, { recursive: true });
  for (const name of ["a.ckpt", "b.ckpt", "last.ckpt"]) await writeFile(join(before, name), name);
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** What a ModelCheckpoint with save_top_k 2 and save_last has written into `before`; b is the best. */
const stateOf = (folder: string): Parameters<typeof relocateState>[0] => ({
  dirpath: folder,
  best_model_path: join(folder, "b.ckpt"),
  best_model_score: 0.25,
  best_k_models: new Map([
    [join(folder, "a.ckpt"), 0.5],
    [join(folder, "b.ckpt"), 0.25],
  ]),
  kth_best_model_path: join(folder, "a.ckpt"),
  kth_value: 0.5,
  last_model_path: join(folder, "last.ckpt"),
});

test("the files of the folder that a run wrote into before are the best where they are", async () => {
  expect(await relocateState(stateOf(before), here)).toEqual({ ...stateOf(before), best_copy_path: "" });
});

test("files that were moved with their folder are found where they are now", async () => {
  await rm(here, { recursive: true });
  await rename(before, here);
  const expected = { ...stateOf(here), dirpath: before, best_copy_path: "" };
  expect(await relocateState(stateOf(before), here)).toEqual(expected);
});

test("files that are nowhere take no place among the best", async () => {
  await rm(join(before, "b.ckpt"));
  const state = await relocateState(stateOf(before), here);
  expect(state.best_k_models).toEqual(new Map([[join(before, "a.ckpt"), 0.5]]));
  expect([state.best_model_path, state.best_model_score]).toEqual(["", null]);
});

test("a ModelCheckpoint that goes on in another folder keeps the scores, and spares the files that it did not write", async () => {
  const state = fromPlain({ ...stateOf(before), best_k_models: null, monitor: "val_loss" });
  if (!(state instanceof PyDict)) throw new Error("a state is a dict");
  state.set(
    "best_k_models",
    new PyDict([...(stateOf(before).best_k_models ?? [])].map(([path, n]) => [path, float(n)])),
  );
  const callback = new ModelCheckpoint({ dirpath: here, monitor: "val_loss", saveTopK: 2 });
  await callback.loadStateDict(state);
  expect([callback.bestModelPath, callback.bestModelScore]).toEqual([join(before, "b.ckpt"), 0.25]);
  const kept = callback.stateDict().get("best_k_models");
  expect(kept instanceof PyDict ? kept.keys() : null).toEqual([join(before, "a.ckpt"), join(before, "b.ckpt")]);
  expect(callback.stateDict().get("dirpath")).toBe(here);
});

test("a file lies in a folder at any depth, and neither beside it nor above", () => {
  expect(["/a/b.ckpt", "/a/c/b.ckpt", "/ab/b.ckpt", "/b.ckpt", "/a"].map((path) => liesIn("/a", path))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});
