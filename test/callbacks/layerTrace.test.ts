import { readFileSync } from "node:fs";
import { traceLayers } from "../../src/callbacks/layerTrace.js";
import { ModelSummary, summarize } from "../../src/callbacks/modelSummary.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import { recordingTerminal } from "../../src/io/console.js";
import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Embedding,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
} from "../../src/nn/index.js";
import { Module } from "../../src/nn/module.js";
import { Parameter } from "../../src/nn/parameter.js";
import { SGD } from "../../src/optim/index.js";
import { zerosTensor } from "../../src/storage/hostTensor.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import { fakeTrainer } from "./fakeTrainer.js";

const truth = JSON.parse(readFileSync(new URL("../fixtures/demos/summaries.json", import.meta.url), "utf8")) as {
  readonly summaries: Readonly<
    Record<
      string,
      { readonly text: string; readonly flops: Readonly<Record<string, number>>; readonly total_flops: number }
    >
  >;
};

abstract class Summarized extends LightningModule {
  override trainingStep(): Tensor {
    return tf.scalar(0);
  }
  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}

// The modules of the fixture's script.
class MLP extends Summarized {
  net = new Sequential(new Linear(256, 512), new BatchNorm1d(512), new ReLU(), new Linear(512, 10));
  override exampleInputArray = zerosTensor("float32", [10, 256]);
  forward(x: Tensor): Tensor {
    return this.net.forward(x);
  }
}

class CNN extends Summarized {
  scale = new Parameter(zerosTensor("float32", [5]));
  first = new Conv2d(3, 8, 3, { stride: 2, padding: 1 });
  twice = new Sequential(new Conv2d(8, 8, 3, { padding: 1, groups: 4 }), new BatchNorm2d(8), new ReLU());
  unused = new Linear(7, 7);
  pool = new MaxPool2d(2);
  up = new ConvTranspose2d(8, 4, 2, { stride: 2 });
  head = new Sequential(new Flatten(), new Linear(4 * 16 * 16, 5));
  override exampleInputArray = zerosTensor("float32", [2, 3, 32, 32]);
  constructor() {
    super();
    for (const parameter of this.head.parameters()) parameter.requiresGrad = false;
  }
  forward(x: Tensor): Tensor {
    const twice = this.twice.forward(this.twice.forward(this.first.forward(x)));
    return tf.mul(this.head.forward(this.up.forward(this.pool.forward(twice))), this.scale.value);
  }
}

class Both extends Module {
  a = new Linear(4, 3);
  b = new Embedding(9, 6);
  forward(x: Tensor, y: Tensor): [Tensor, Tensor] {
    return [this.a.forward(x), this.b.forward(y)];
  }
}

class Two extends Summarized {
  both = new Both();
  out = new Linear(9, 1);
  override exampleInputArray = [zerosTensor("float32", [5, 4]), zerosTensor("int64", [5])];
  forward(x: Tensor, y: Tensor): Tensor {
    return this.out.forward(tf.concat(this.both.forward(x, y), -1));
  }
}

const MODULES: Readonly<Record<string, new () => LightningModule>> = { MLP, CNN, Two };

test.each(Object.entries(truth.summaries))("with an example input the table is Lightning's: %s", (name, expected) => {
  const [kind = "", depth] = name.split(" ");
  const module = new (MODULES[kind] ?? MLP)();
  const trace = traceLayers(module);
  expect(summarize(module, Number(depth), trace)).toBe(expected.text);
  expect(trace?.flops).toBe(expected.total_flops); // as torch.utils.flop_counter counts them
  const parts = new Map(module.namedModules());
  for (const [path, flops] of Object.entries(expected.flops)) {
    const part = parts.get(path);
    expect([path, part === undefined ? undefined : (trace?.layers.get(part)?.flops ?? 0)]).toEqual([path, flops]);
  }
});

test("the module is afterwards what it was: its forward, its modes, its statistics", () => {
  const module = new MLP();
  module.net.eval();
  const before = [...module.state()].map(([name]) => name);
  const trace = traceLayers(module);
  expect(trace).not.toBeNull();
  expect(module.training).toBe(true);
  expect(module.net.training).toBe(false);
  expect(Object.hasOwn(module.net, "forward")).toBe(false);
  expect([...module.state()].map(([name]) => name)).toEqual(before);
});

test("in a terminal that is too narrow for the sizes they are left out, and no line wraps", () => {
  for (const columns of [60, 80, 96, 200]) {
    const terminal = recordingTerminal({ isTTY: true, columns });
    new ModelSummary({ terminal, maxDepth: -1 }).onFitStart(fakeTrainer(), new CNN());
    for (const line of terminal.messages.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
    expect(terminal.messages).toContain("| FLOPs");
    expect(terminal.messages.includes("In sizes")).toBe(columns >= 96); // Lightning's lines are 93 wide
  }
  const file = recordingTerminal({ columns: 80 });
  new ModelSummary({ terminal: file, maxDepth: -1 }).onFitStart(fakeTrainer(), new CNN());
  expect(file.messages).toContain("In sizes");
});

test("a module that reads values is summarized without sizes, and the reason is said", () => {
  class Reading extends Summarized {
    part = new Linear(1, 1);
    override exampleInputArray = zerosTensor("float32", [1, 1]);
    forward(x: Tensor): Tensor {
      return tf.mul(this.part.forward(x), x.dataSync()[0] ?? 0);
    }
  }
  const terminal = recordingTerminal();
  new ModelSummary({ terminal }).onFitStart(fakeTrainer(), new Reading());
  expect(terminal.messages).toContain("0 | part | Linear | 2      | train\n");
  expect(terminal.messages).toMatch(/Sizes and FLOPs are not known: .*reads/);
});

test("without an example input nothing is traced; one that no forward takes is said", () => {
  class Bare extends Summarized {
    part = new Linear(1, 1);
  }
  expect(traceLayers(new Bare())).toBeNull();
  const module = new Bare();
  module.exampleInputArray = zerosTensor("float32", [1, 1]);
  expect(() => traceLayers(module)).toThrow("Bare has an exampleInputArray and no forward to give it to");
});
