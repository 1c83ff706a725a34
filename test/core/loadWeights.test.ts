import { loadWeights, type LoadWeightsOptions } from "../../src/core/loadWeights.js";
import { LtrainError } from "../../src/errors.js";
import { Linear } from "../../src/nn/linear.js";
import { Module } from "../../src/nn/module.js";
import type { Parameter } from "../../src/nn/parameter.js";
import { hostNumbers } from "../../src/tensor/cast.js";
import { seedEverything } from "../../src/tensor/seed.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { Losses, QUIET } from "../trainer/tinyRun.js";
import { Examples, Net, numbersOf, pretrainedFile, truth } from "./pretrained.js";

const encoderNames = Object.keys(truth.pretrained).filter((name) => name.startsWith("encoder."));

async function refusal(
  file: string,
  options: LoadWeightsOptions = {},
  module: Module = new Net(),
): Promise<LtrainError> {
  try {
    await loadWeights(module, pretrainedFile(file), options);
  } catch (error) {
    if (error instanceof LtrainError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

test.each([
  ["pretrained.pt", {}],
  ["pretrained.safetensors", {}],
  ["pretrained.npz", {}],
  ["wrapped.pt", { key: "model", rename: { "module.": "" } }],
  ["wrapped.pt", { key: "model", prefix: "module", stripPrefix: true }],
  ["wrapped.pt", { key: "model", stripWrappers: true }],
] as const)("a torch state_dict in %s, %j, becomes the module's", async (file, options) => {
  const module = new Net({ classes: 3 });
  const { loaded, kept, unexpected } = await loadWeights(module, pretrainedFile(file), options);
  expect([loaded, kept, unexpected]).toEqual([Object.keys(truth.pretrained), [], []]);
  expect(await numbersOf(module)).toEqual(truth.pretrained);
});

test("half precision in the file becomes the module's float32", async () => {
  const module = new Net({ classes: 3 });
  await loadWeights(module, pretrainedFile("half.pt"));
  const numbers = await numbersOf(module);
  for (const [name, values] of Object.entries(truth.pretrained)) {
    // A float16 has 11 bits: it is off by no more than 2^-11 of the value, rounded from float32.
    values.forEach((value, i) => {
      expect(Math.abs((numbers[name]?.[i] ?? NaN) - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11 + 2 ** -24);
    });
    expect(module.state().get(name)?.dtype).toBe(name.endsWith("num_batches_tracked") ? "int64" : "float32");
  }
});

test.each([
  ["a prefix", "pretrained.pt", { prefix: "encoder." }],
  ["all but the head", "pretrained.pt", { exclude: ["head.*"] }],
  ["a glob", "pretrained.pt", { include: ["encoder.*"] }],
  ["a file that is the encoder's own", "encoder.pt", { addPrefix: "encoder" }],
] as const)("by %s the head stays as the seed made it, with torch's numbers", async (_, file, options) => {
  seedEverything(42);
  const module = new Net();
  const { loaded, kept } = await loadWeights(module, pretrainedFile(file), options);
  expect([loaded, kept]).toEqual([encoderNames, ["head.weight", "head.bias"]]);
  expect(await numbersOf(module)).toEqual(truth.runs[0]?.start);
});

test.each(truth.runs.map((run) => [run.frozen ? "frozen" : "trained", run] as const))(
  "fine-tuned with the encoder %s, every step has torch's loss",
  async (_, run) => {
    seedEverything(42);
    const module = new Net();
    await loadWeights(module, pretrainedFile("pretrained.pt"), { prefix: "encoder." });
    if (run.frozen) for (const parameter of module.encoder.parameters()) parameter.requiresGrad = false;
    const losses = new Losses();
    await new Trainer({ ...QUIET, maxEpochs: 5, callbacks: [losses] }).fit(module, new Examples());
    expect(losses.losses).toHaveLength(run.losses.length);
    run.losses.forEach((loss, i) => {
      expect(Math.abs((losses.losses[i] ?? NaN) / loss - 1)).toBeLessThanOrEqual(1e-5);
    });
    const end = await numbersOf(module);
    for (const [name, values] of Object.entries(run.end)) {
      values.forEach((value, i) => {
        expect(end[name]?.[i]).toBeCloseTo(value, 5);
      });
    }
    if (run.frozen) expect(end["encoder.0.weight"]).toEqual(truth.pretrained["encoder.0.weight"]);
  },
);

test("what does not fit is told by module, with the file and the way out, and nothing is written", async () => {
  const module = new Net();
  const before = await numbersOf(module);
  const head = await refusal("pretrained.pt", {}, module);
  expect(head.code).toBe("checkpoint.mismatch");
  expect(head.message).toBe(
    [
      `${pretrainedFile("pretrained.pt")}: the state_dict does not fit Net`,
      "  different shape (2): head.weight is [3, 4] in the file, [2, 4] in the model; head.bias is [3] in the file, [2] in the model",
    ].join("\n"),
  );
  expect(head.hint).toBe('exclude: ["head.*"] leaves tensors out; strict: false lets names pass, but no shapes');
  expect(await numbersOf(module)).toEqual(before);

  const encoder = await refusal("encoder.pt");
  expect(encoder.message).toContain("missing in the file (10): encoder.0.{weight, bias}, encoder.1.{weight, bias,");
  expect(encoder.message).toContain("unexpected in the file (9): 0.{weight, bias}, 1.{weight, bias,");
  expect(encoder.hint).toContain('add_prefix: "encoder." does it');
  expect((await refusal("wrapped.pt", { key: "model" }, new Net({ classes: 3 }))).hint).toContain(
    'rename: {"module.": ""} does it',
  );
});

test("without strict names may be missing, but something must fit", async () => {
  const module = new Net({ classes: 3 });
  const { loaded, kept, unexpected } = await loadWeights(module, pretrainedFile("pretrained.pt"), {
    strict: false,
    rename: { head: "classifier" },
  });
  expect([loaded, kept, unexpected]).toEqual([
    encoderNames,
    ["head.weight", "head.bias"],
    ["classifier.weight", "classifier.bias"],
  ]);
  const error = await refusal("encoder.pt", { strict: false });
  expect(error.message).toContain('none of the 9 names in the file is a name of Net: the first of them is "0.weight"');
  expect(error.hint).toBe('add_prefix: "encoder." would match 8 of 10 names');
});

test("where the tensors are is told when there is no state_dict", async () => {
  const error = await refusal("wrapped.pt");
  expect([error.code, error.hint]).toEqual(["key.missing", "there are tensors under --key model"]);
});

test("a tied parameter needs one of its names only", async () => {
  class Tied extends Module {
    readonly first = new Linear(4, 3);
    readonly second: Linear & { weight: Parameter } = new Linear(4, 3, { bias: false });
    constructor() {
      super();
      this.second.weight = this.first.weight;
    }
  }
  const module = new Tied();
  const options = { exclude: ["encoder.*"], rename: { head: "first" } };
  const { loaded, kept } = await loadWeights(module, pretrainedFile("pretrained.pt"), options);
  expect([loaded, kept]).toEqual([["first.weight", "first.bias", "second.weight"], []]);
  expect([...hostNumbers(await module.second.weight.read())]).toEqual(truth.pretrained["head.weight"]);
});

test("a batch norm of before torch 0.4.1, or of a file without versions, needs no counter", async () => {
  const module = new Net({ classes: 3 });
  const { kept } = await loadWeights(module, pretrainedFile("uncounted.safetensors"));
  expect(kept).toEqual(["encoder.1.num_batches_tracked"]);
});
