import type { StateDict } from "../../src/checkpoint/checkpoint.js";
import { extractStateDict } from "../../src/checkpoint/extractCheckpoint.js";
import type { LtrainError } from "../../src/errors.js";
import { float32Tensor, float32Values } from "../../src/storage/hostTensor.js";
import { StoredTensor, storedTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";

/** Tensors of one element each, numbered in order. */
function stateDict(...names: string[]): StateDict {
  const tensors = names.map((name, index) => [name, vector(index)] as const);
  return { tensors: new Map(tensors), versions: null };
}

function vector(...values: number[]): StoredTensor {
  return storedTensor(float32Tensor(Float32Array.from(values), [values.length]));
}

function view(of: StoredTensor, storageOffset: number, shape: number[], stride: number[]): StoredTensor {
  return new StoredTensor({ dtype: "float32", storage: of.storage, storageOffset, shape, stride });
}

async function valuesOf(tensor: StoredTensor | undefined): Promise<number[]> {
  return tensor === undefined ? [] : [...float32Values(await readTensor(tensor))];
}

function failure(run: () => unknown): LtrainError {
  try {
    run();
  } catch (error) {
    return error as LtrainError;
  }
  throw new Error("nothing was thrown");
}

test("a prefix is a module: encoder and encoder. are the same, and neither is encoder_ema", () => {
  const all = stateDict("encoder.0.weight", "encoder.0.bias", "encoder_ema.0.weight", "decoder.0.weight");
  for (const prefix of ["encoder", "encoder."]) {
    const { stateDict: part } = extractStateDict(all, { prefixes: [prefix], stripPrefix: false });
    expect([...part.tensors.keys()]).toEqual(["encoder.0.weight", "encoder.0.bias"]);
  }
});

test("names are kept, and without their prefix when that is asked for", () => {
  const all = stateDict("model.encoder.0.weight", "model.decoder.0.weight");
  const { sources } = extractStateDict(all, { prefixes: ["model.encoder."], stripPrefix: true });
  expect([...sources]).toEqual([["0.weight", "model.encoder.0.weight"]]);
});

test("of several prefixes the longest that fits is taken off", () => {
  const all = stateDict("a.b.weight", "a.weight");
  const { sources } = extractStateDict(all, { prefixes: ["a", "a.b"], stripPrefix: false });
  expect([...sources.keys()]).toEqual(["a.b.weight", "a.weight"]);
  const collision = failure(() => extractStateDict(all, { prefixes: ["a", "a.b"], stripPrefix: true }));
  expect(collision.code).toBe("argument.invalid");
  expect(collision.message).toBe('"a.b.weight" and "a.weight" would both be called "weight"');
});

test("no match lists the prefixes there are and the nearest one", () => {
  const all = stateDict("encoder.0.weight", "decoder.0.weight", "scale");
  const error = failure(() => extractStateDict(all, { prefixes: ["encodr."], stripPrefix: false }));
  expect(error.code).toBe("key.missing");
  expect(error.exitCode).toBe(4);
  expect(error.message).toBe('no key of the state_dict starts with "encodr."; there are encoder., decoder.');
  expect(error.hint).toBe('did you mean "encoder."?');
});

test("a module that lies deeper is found as the nearest", () => {
  const all = stateDict("model.encoder.weight", "model.head.weight");
  const error = failure(() => extractStateDict(all, { prefixes: ["encoder"], stripPrefix: false }));
  expect(error.hint).toBe('did you mean "model.encoder."?');
});

test("one prefix of two that matches nothing is an error, not half a result", () => {
  const all = stateDict("a.weight", "b.weight");
  expect(failure(() => extractStateDict(all, { prefixes: ["a", "q"], stripPrefix: false })).code).toBe("key.missing");
});

test("the modules' versions come along: with the modules above when names are kept, renamed when they are stripped", () => {
  const versions = new Map([
    ["", 1],
    ["m", 1],
    ["m.encoder", 1],
    ["m.encoder.bn", 2],
    ["m.decoder", 1],
  ]);
  const all = { ...stateDict("m.encoder.bn.weight", "m.decoder.weight"), versions };
  const kept = extractStateDict(all, { prefixes: ["m.encoder"], stripPrefix: false }).stateDict.versions;
  expect([...(kept ?? [])]).toEqual([
    ["", 1],
    ["m", 1],
    ["m.encoder", 1],
    ["m.encoder.bn", 2],
  ]);
  const stripped = extractStateDict(all, { prefixes: ["m.encoder"], stripPrefix: true }).stateDict.versions;
  expect([...(stripped ?? [])]).toEqual([
    ["", 1],
    ["bn", 2],
  ]);
});

test("a view takes its own bytes along, not the storage behind it", async () => {
  const big = vector(...Array.from({ length: 1000 }, (_, index) => index));
  const tensors = new Map([
    ["a.row", view(big, 500, [2, 3], [3, 1])],
    ["b.rest", big],
  ]);
  const part = extractStateDict({ tensors, versions: null }, { prefixes: ["a"], stripPrefix: false }).stateDict;
  const row = part.tensors.get("a.row");
  expect(row?.storage.byteLength).toBe(24);
  expect(row?.storageOffset).toBe(0);
  expect(await valuesOf(row)).toEqual([500, 501, 502, 503, 504, 505]);
});

test("a transposed tensor keeps its strides, a view with holes is gathered", async () => {
  const tensors = new Map([
    ["m.transposed", view(vector(0, 1, 2, 3, 4, 5), 0, [3, 2], [1, 3])],
    ["m.everyOther", view(vector(0, 1, 2, 3, 4, 5), 1, [3], [2])],
  ]);
  const part = extractStateDict({ tensors, versions: null }, { prefixes: ["m"], stripPrefix: true }).stateDict;
  expect(part.tensors.get("transposed")?.stride).toEqual([1, 3]);
  expect(await valuesOf(part.tensors.get("transposed"))).toEqual([0, 3, 1, 4, 2, 5]);
  expect(part.tensors.get("everyOther")?.storage.byteLength).toBe(12);
  expect(await valuesOf(part.tensors.get("everyOther"))).toEqual([1, 3, 5]);
});

test("tied weights stay tied, and views that overlap go on overlapping", async () => {
  const shared = vector(0, 1, 2, 3, 4, 5, 6, 7);
  const tensors = new Map([
    ["m.embedding", view(shared, 2, [4], [1])],
    ["m.output", view(shared, 2, [4], [1])],
    ["m.tail", view(shared, 4, [3], [1])],
    ["m.empty", view(shared, 8, [0], [1])],
  ]);
  const { tensors: part } = extractStateDict(
    { tensors, versions: null },
    { prefixes: ["m"], stripPrefix: true },
  ).stateDict;
  expect(part.get("output")?.storage).toBe(part.get("embedding")?.storage);
  expect(part.get("tail")?.storage).toBe(part.get("embedding")?.storage);
  expect(part.get("embedding")?.storage.byteLength).toBe(5 * 4); // elements 2 to 6
  expect(await valuesOf(part.get("tail"))).toEqual([4, 5, 6]);
  expect(part.get("empty")?.numel).toBe(0);
});

test("two views far apart in one storage do not take what lies between them along", async () => {
  const flat = vector(...Array.from({ length: 100 }, (_, index) => index));
  const tensors = new Map([
    ["m.a", view(flat, 0, [2], [1])],
    ["m.b", view(flat, 98, [2], [1])],
  ]);
  const { tensors: part } = extractStateDict(
    { tensors, versions: null },
    { prefixes: ["m"], stripPrefix: true },
  ).stateDict;
  expect([part.get("a")?.storage.byteLength, part.get("b")?.storage.byteLength]).toEqual([8, 8]);
  expect(await valuesOf(part.get("b"))).toEqual([98, 99]);
});
