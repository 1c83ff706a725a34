import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { dumpCheckpoint } from "../../src/checkpoint/dumpCheckpoint.js";
import { jsonValue } from "../../src/checkpoint/jsonValue.js";
import { summarizeCheckpoint } from "../../src/checkpoint/summarizeCheckpoint.js";
import { tensorsOf } from "../../src/checkpoint/treePaths.js";
import { PyDict } from "../../src/pickle/values.js";

/** The truth beside a fixture: what real torch and Lightning say is in it (fixtures/README.md). */
interface Twin {
  readonly epoch: number;
  readonly global_step: number;
  readonly "pytorch-lightning_version"?: string;
  readonly top_level_keys: readonly string[];
  readonly state_dict_keys: readonly string[];
  readonly hparams?: unknown;
  readonly hparams_name?: string;
  readonly tensors: Readonly<Record<string, TwinTensor>>;
}

interface TwinTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly stride?: readonly number[];
  readonly storage_offset?: number;
  readonly numel?: number;
  readonly parts?: unknown;
}

const FOLDER = fileURLToPath(new URL("../fixtures/lightning/", import.meta.url));
const names = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ckpt"))
  .map(({ name }) => name.replace(/\.ckpt$/, ""));
/** Files in today's layout: those that Lightning 2.6.6 itself wrote. */
const current = names.filter((name) => !/^(?:old-|missing-version)/.test(name));

function twinOf(name: string): Twin {
  return JSON.parse(readFileSync(`${FOLDER}${name}.json`, "utf8")) as Twin;
}

test("there are fixtures to test with", () => {
  expect(current.length).toBeGreaterThan(20);
});

test.each(names)("%s: epoch, step, version and the state_dict's keys are those that torch sees", async (name) => {
  const twin = twinOf(name);
  const { checkpoint, close } = await loadCheckpoint(`${FOLDER}${name}.ckpt`);
  await close();
  expect(checkpoint.epoch).toBe(twin.epoch);
  expect(checkpoint.globalStep).toBe(twin.global_step);
  expect(checkpoint.lightningVersion ?? undefined).toBe(twin["pytorch-lightning_version"]);
  const { tensors, order } = checkpoint.stateDict;
  expect(order ?? [...tensors.keys()]).toEqual(twin.state_dict_keys);
});

test.each(names)("%s: every tensor has its path, dtype, shape, stride and offset", async (name) => {
  const twin = twinOf(name);
  const { root, close } = await loadCheckpoint(`${FOLDER}${name}.ckpt`);
  await close();
  const found = tensorsOf(root).map(({ path, tensor: { dtype, shape, stride, storageOffset, numel } }) => [
    path,
    { dtype, shape, stride, storage_offset: storageOffset, numel },
  ]);
  const expected = Object.entries(twin.tensors)
    .filter(([, { parts }]) => parts === undefined)
    .map(([path, { dtype, shape, stride, storage_offset, numel }]) => [
      path,
      { dtype, shape, stride, storage_offset, numel },
    ]);
  expect(Object.fromEntries(found)).toMatchObject(Object.fromEntries(expected));
});

test.each(current)(
  "%s: dumping what was parsed keeps every key in its place and every value as it came",
  async (name) => {
    const { root, checkpoint, close } = await loadCheckpoint(`${FOLDER}${name}.ckpt`);
    await close();
    const dumped = dumpCheckpoint(checkpoint);
    expect(dumped.keys()).toEqual(twinOf(name).top_level_keys);
    if (!(root instanceof PyDict)) throw new Error("the root is a dict");
    for (const [key, value] of root) {
      const copy = dumped.get(key);
      if (key === "state_dict" || Array.isArray(value)) continue;
      expect(Object.is(copy, value)).toBe(true);
    }
    for (const key of ["optimizer_states", "lr_schedulers"]) expectSameItems(dumped.get(key), root.get(key));
    expectSameStateDict(dumped.get("state_dict"), root.get("state_dict"));
  },
);

function expectSameItems(copy: unknown, original: unknown): void {
  if (original === undefined && copy === undefined) return; // weights only
  if (!Array.isArray(original) || !Array.isArray(copy)) throw new Error("a list is a list");
  expect(copy.length).toBe(original.length);
  for (const [index, item] of original.entries()) expect(copy[index]).toBe(item);
}

function expectSameStateDict(copy: unknown, original: unknown): void {
  if (!(copy instanceof PyDict) || !(original instanceof PyDict)) throw new Error("a state_dict is a dict");
  expect(copy.kind).toBe("OrderedDict");
  expect(copy.keys()).toEqual(original.keys());
  for (const [key, value] of original) expect(copy.get(key)).toBe(value);
  const [copied, metadata] = [copy, original].map((dict) => jsonValue(dict.attributes?.get("_metadata") ?? null));
  expect(copied).toEqual(metadata);
}

test.each(["autoencoder-adam-steplr", "hparams-namespace-flat", "hparams-ignore"])(
  "%s: hyper-parameters are those that Lightning saved",
  async (name) => {
    const twin = twinOf(name);
    const { checkpoint, close } = await loadCheckpoint(`${FOLDER}${name}.ckpt`);
    await close();
    expect(checkpoint.hyperParameters?.name).toBe(twin.hparams_name);
    expect(jsonValue(checkpoint.hyperParameters?.values ?? null)).toEqual(twin.hparams);
  },
);

/** Which optimizers and schedulers each fixture was made with, from its description. */
const KINDS: readonly [string, readonly string[], readonly string[]][] = [
  ["autoencoder-adam-steplr", ["Adam"], ["StepLR"]],
  ["adadelta-cosine", ["Adadelta"], ["CosineAnnealingLR"]],
  ["adam-chained", ["Adam"], ["ChainedScheduler"]],
  ["adamw-lambdalr-warmup-cosine", ["AdamW"], ["LambdaLR or MultiplicativeLR"]],
  ["lbfgs", ["LBFGS"], []],
  ["nadam-polynomial", ["NAdam"], ["PolynomialLR"]],
  ["plateau-earlystopping-topk-best", ["Adam"], ["ReduceLROnPlateau"]],
  ["radam-linear", ["RAdam"], ["LinearLR"]],
  ["rprop-cyclic", ["Rprop"], ["CyclicLR"]],
  ["sgd-nesterov-onecycle", ["SGD"], ["OneCycleLR"]],
  ["sparse-adam-embedding", ["SparseAdam", "Adam"], []],
  ["swa", ["SGD"], ["SWALR"]],
  ["two-optimizers-manual", ["Adam", "SGD"], ["StepLR", "ExponentialLR"]],
];

test.each(KINDS)("%s was made with %j and %j, which their keys tell", async (name, optimizers, schedulers) => {
  const { checkpoint, close } = await loadCheckpoint(`${FOLDER}${name}.ckpt`);
  const summary = await summarizeCheckpoint(checkpoint);
  await close();
  expect(summary.optimizers?.map(({ kind }) => kind)).toEqual(optimizers);
  expect(summary.schedulers?.map(({ kind }) => kind)).toEqual(schedulers);
});

test("tied weights are counted once, and named", async () => {
  const { checkpoint, close } = await loadCheckpoint(`${FOLDER}tied-weights.ckpt`);
  const { stateDict } = await summarizeCheckpoint(checkpoint);
  await close();
  const [numel] = Object.values(twinOf("tied-weights").tensors).map((tensor) => tensor.numel);
  expect(stateDict.sharedNames).toEqual(["net.out.weight"]);
  expect(stateDict.parameters).toBe(numel);
});
