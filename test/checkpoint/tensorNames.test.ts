import type { StateDict } from "../../src/checkpoint/checkpoint.js";
import type { Selection } from "../../src/checkpoint/extractCheckpoint.js";
import { extractStateDict } from "../../src/checkpoint/extractCheckpoint.js";
import { parseRenameRule } from "../../src/checkpoint/renameRule.js";
import { unwrapper } from "../../src/checkpoint/wrapperNames.js";
import type { LtrainError } from "../../src/errors.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { storedTensor } from "../../src/storage/storedTensor.js";

function stateDict(...names: string[]): StateDict {
  const tensor = storedTensor(float32Tensor(Float32Array.of(1), [1]));
  return { tensors: new Map(names.map((name) => [name, tensor])), versions: null };
}

/** New names of a selection, with the old ones. */
function namesOf(names: readonly string[], selection: Partial<Selection>): [string, string][] {
  const { sources } = extractStateDict(stateDict(...names), { prefixes: [], stripPrefix: false, ...selection });
  return [...sources];
}

function failure(run: () => unknown): LtrainError {
  try {
    run();
  } catch (error) {
    return error as LtrainError;
  }
  throw new Error("nothing was thrown");
}

const unwrapped = (...names: string[]): string[] => names.map(unwrapper(names));

test("torch's wrappers are taken out at any depth", () => {
  expect(unwrapped("_orig_mod.encoder._orig_mod.0.weight", "_forward_module.module.x._fsdp_wrapped_module.w")).toEqual([
    "encoder.0.weight",
    "x.w",
  ]);
  expect(unwrapped("net._checkpoint_wrapped_module.weight", "net.bias")).toEqual(["net.weight", "net.bias"]);
});

test("module is a wrapper in front of a name, and deeper where nothing stands beside it", () => {
  expect(unwrapped("module.a.weight", "module.b.weight")).toEqual(["a.weight", "b.weight"]);
  expect(unwrapped("model.module.a", "model.module.b", "loss.weight")).toEqual(["model.a", "model.b", "loss.weight"]);
  // A user's own block with a submodule called module, and a norm beside it.
  expect(unwrapped("block.module.weight", "block.norm.weight")).toEqual(["block.module.weight", "block.norm.weight"]);
});

test("AveragedModel counts beside what it wraps, and a parameter called module is no wrapper", () => {
  expect(unwrapped("ema.n_averaged", "ema.module.w")).toEqual(["ema.n_averaged", "ema.w"]);
  expect(unwrapped("module", "x.module")).toEqual(["module", "x.module"]);
});

test("with --strip-wrappers a prefix fits with and without its wrappers", () => {
  const names = ["_orig_mod.encoder.weight", "_orig_mod.decoder.weight"];
  for (const prefix of ["encoder.", "_orig_mod.encoder."]) {
    expect(namesOf(names, { prefixes: [prefix], stripWrappers: true })).toEqual([["encoder.weight", names[0]]]);
  }
});

test("include and exclude are globs over whole names, and all that is asked for must fit", () => {
  const names = ["encoder.0.weight", "encoder.0.bias", "decoder.0.weight"];
  const chosen = (selection: Partial<Selection>): string[] => namesOf(names, selection).map(([name]) => name);
  expect(chosen({ include: ["*.weight"] })).toEqual(["encoder.0.weight", "decoder.0.weight"]);
  expect(chosen({ prefixes: ["encoder"], include: ["*.weight"] })).toEqual(["encoder.0.weight"]);
  expect(chosen({ exclude: ["*.bias", "decoder.*"] })).toEqual(["encoder.0.weight"]);
  expect(failure(() => chosen({ include: ["*.wieght"] })).code).toBe("key.missing");
  expect(failure(() => chosen({ prefixes: ["decoder"], include: ["*.bias"] })).message).toBe(
    "of 3 keys none fits all that was asked for",
  );
});

test("an exclude that fits nothing is no mistake, and is told", () => {
  const { idle } = extractStateDict(stateDict("a.weight"), {
    prefixes: [],
    stripPrefix: false,
    exclude: ["*.running_*"],
  });
  expect(idle).toEqual(["*.running_*"]);
});

test.each([
  ["encoder=backbone", "encoder.0.weight", "backbone.0.weight"],
  ["encoder=backbone", "encoder_ema.weight", undefined],
  ["scale=gain", "scale", "gain"],
  ["model.=", "model.0.weight", "0.weight"],
  ["model.=net.", "model.0.weight", "net.0.weight"],
  ["encoder=", "encoder.0.weight", "0.weight"],
  ["/layers\\.(\\d+)/=blocks.$1", "enc.layers.12.w", "enc.blocks.12.w"],
  ["/layers\\.(\\d+)/=blocks.\\1", "enc.layers.12.w", "enc.blocks.12.w"],
  ["/^(?<head>\\w+)\\./=$<head>_x.", "a.b.c", "a_x.b.c"],
  ["/o/=0", "foo.bo", "f00.b0"],
  ["/a\\/b/=c", "a/b", "c"],
  ["/nothing/=x", "a", undefined],
])("--rename %s makes %s %s", (rule, name, expected) => {
  expect(parseRenameRule(rule).apply(name)).toBe(expected);
});

test("a rule without = is a usage error, one that concerns no name a missing key with the nearest", () => {
  expect(failure(() => parseRenameRule("encoder")).code).toBe("usage.invalid");
  expect(failure(() => parseRenameRule("/(/=x")).code).toBe("usage.invalid");
  const idle = failure(() => namesOf(["encoder.weight"], { renames: [parseRenameRule("encodr=x")] }));
  expect(idle).toMatchObject({ code: "key.missing", hint: 'did you mean "encoder"?' });
});

test("wrappers, prefix, map, renames and the new prefix come in this order", () => {
  const selection = {
    prefixes: ["model."],
    stripPrefix: true,
    stripWrappers: true,
    map: new Map([["_orig_mod.model.head.bias", "classifier.bias"]]),
    renames: [parseRenameRule("head=top"), parseRenameRule("top=summit")],
    addPrefix: "new.",
  };
  expect(namesOf(["_orig_mod.model.head.weight", "_orig_mod.model.head.bias"], selection)).toEqual([
    ["new.summit.weight", "_orig_mod.model.head.weight"],
    ["new.classifier.bias", "_orig_mod.model.head.bias"],
  ]);
});

test("a map may name more than is wanted, but nothing that is not there", () => {
  const map = new Map([
    ["a.weight", "x.weight"],
    ["b.weight", "y.weight"],
  ]);
  expect(namesOf(["a.weight", "b.weight"], { prefixes: ["a"], map })).toEqual([["x.weight", "a.weight"]]);
  const wrong = failure(() => namesOf(["a.weight"], { map: new Map([["a.wieght", "x"]]) }));
  expect(wrong).toMatchObject({ code: "key.missing", hint: 'did you mean "a.weight"?' });
});

test("two names that would become one are an error that lists both", () => {
  const error = failure(() => namesOf(["a.weight", "b.weight"], { renames: [parseRenameRule("/^[ab]/=c")] }));
  expect(error.code).toBe("argument.invalid");
  expect(error.message).toBe('"a.weight" and "b.weight" would both be called "c.weight"');
});

test("nothing left of a name is an error", () => {
  expect(failure(() => namesOf(["a"], { renames: [parseRenameRule("a=")] })).message).toContain('of the name "a"');
});

test("module versions move with their tensors, and modules without tensors with those around them", () => {
  const versions = new Map([
    ["", 1],
    ["m", 1],
    ["m.encoder", 1],
    ["m.encoder.relu", 1],
    ["m.encoder.bn", 2],
    ["m.decoder", 1],
  ]);
  const all = { ...stateDict("m.encoder.bn.weight", "m.decoder.weight"), versions };
  const of = (selection: Partial<Selection>): [string, number][] => [
    ...(extractStateDict(all, { prefixes: ["m.encoder"], stripPrefix: true, ...selection }).stateDict.versions ?? []),
  ];
  expect(of({})).toEqual([
    ["", 1],
    ["relu", 1],
    ["bn", 2],
  ]);
  expect(of({ addPrefix: "net." })).toEqual([
    ["net", 1],
    ["net.relu", 1],
    ["net.bn", 2],
  ]);
});
