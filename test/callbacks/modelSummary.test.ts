import { readFileSync } from "node:fs";
import { ModelSummary, countText, summarize } from "../../src/callbacks/modelSummary.js";
import { LitAutoEncoder } from "../../src/demos/litAutoEncoder.js";
import { recordingTerminal } from "../../src/io/console.js";
import { ReLU } from "../../src/nn/activation.js";
import { Sequential } from "../../src/nn/container.js";
import { Linear } from "../../src/nn/linear.js";
import { Module } from "../../src/nn/module.js";
import { Parameter } from "../../src/nn/parameter.js";
import { zerosTensor } from "../../src/storage/hostTensor.js";
import { fakeTrainer } from "./fakeTrainer.js";

const truth = JSON.parse(readFileSync(new URL("../fixtures/demos/demos.json", import.meta.url), "utf8")) as {
  readonly summaries: Record<string, string>;
  readonly counts: Record<string, string>;
};

/** The same module as in the fixture's script. */
class Mixed extends Module {
  readonly scale = new Parameter(zerosTensor("float32", [1234]));
  readonly body = new Sequential(new Linear(2, 3), new Sequential(new Linear(3, 4, { bias: false }), new ReLU()));
  readonly head = new Linear(100, 2000);

  constructor() {
    super();
    this.head.weight.requiresGrad = false;
    this.head.eval();
  }
}

test.each(Object.keys(truth.summaries))("the table is Lightning's: %s", (name) => {
  const [kind, depth] = name.split(" ");
  const module = kind === "Mixed" ? new Mixed() : new LitAutoEncoder();
  expect(summarize(module, Number(depth))).toBe(truth.summaries[name]);
});

test("counts are abbreviated as Lightning abbreviates them", () => {
  const ours = Object.keys(truth.counts).map((count) => [count, countText(Number(count))]);
  expect(Object.fromEntries(ours)).toEqual(truth.counts);
});

test("the summary goes to stderr when fit starts, and not at all with max_depth 0", () => {
  const terminal = recordingTerminal();
  new ModelSummary({ terminal }).onFitStart(fakeTrainer(), new LitAutoEncoder());
  expect(terminal.output).toBe("");
  expect(terminal.messages).toContain("101 K     Total params");
  const silent = recordingTerminal();
  new ModelSummary({ terminal: silent, maxDepth: 0 }).onFitStart(fakeTrainer(), new LitAutoEncoder());
  expect(silent.messages).toBe("");
  expect(() => new ModelSummary({ terminal, maxDepth: -2 })).toThrow("max_depth must be -1, 0 or more, got -2");
});
