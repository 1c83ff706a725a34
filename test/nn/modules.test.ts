import { createHash } from "node:crypto";
import * as nn from "../../src/nn/index.js";
import { functional as F, type Module, type Parameter } from "../../src/nn/index.js";
import { float32Tensor, float32Values, numelOf, type HostTensor } from "../../src/storage/hostTensor.js";
import { seedEverything } from "../../src/tensor/generator.js";
import { valueAndGrads } from "../../src/tensor/gradients.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import { Variable } from "../../src/tensor/variable.js";
import { enginesHere, openEngine } from "../engine/engines.js";
import { fixtureJson } from "../tensor/fixture.js";
import { callModule, MODULES, type ModuleCase, type Results } from "./moduleCases.js";

interface Values {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}
interface InputSpec {
  readonly shape: readonly number[];
  readonly low?: number;
  readonly high?: number;
  readonly kind?: "float" | "int" | "sign";
}
interface Expected {
  readonly inputs: readonly InputSpec[];
  readonly initial: Readonly<Record<string, string>>;
  readonly outputs: readonly Values[];
  readonly inputGrads: readonly (Values | null)[];
  readonly grads: Readonly<Record<string, Values>>;
  readonly buffers: Readonly<Record<string, Values>>;
}
const fixture = fixtureJson("nn/modules.json") as Readonly<Record<string, Expected>>;

/** The numbers that make-modules.py computes too. */
function numbers({ shape, low = -2, high = 2, kind = "float" }: InputSpec, seed: number): HostTensor {
  let state = seed;
  const draw = (): number => {
    // Multiplied in halves: the product of two 32-bit numbers has more digits than a double.
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    const u = state / 2 ** 32;
    const value = low + u * (high - low);
    return kind === "float" ? value : kind === "int" ? Math.floor(value) : u < 0.5 ? -1 : 1;
  };
  const values = Array.from({ length: numelOf(shape) }, draw);
  if (kind !== "int") return float32Tensor(Float32Array.from(values), shape);
  return { dtype: "int32", shape, bytes: new Uint8Array(Int32Array.from(values).buffer) };
}

const flat = (results: Results): Tensor[] => (results instanceof tf.Tensor ? [results] : results.flatMap(flat));

/** What make-modules.py adds to every parameter, so that none is as simple as it began. */
async function disturb(parameters: readonly Parameter[]): Promise<void> {
  for (const parameter of parameters) {
    const moved = float32Values(await parameter.read()).map((value, i) => value + Math.fround(0.25 * Math.sin(1.7 * (i + 1)))); // prettier-ignore
    parameter.write(float32Tensor(moved, parameter.shape));
  }
}

async function digests(module: Module): Promise<Record<string, string>> {
  const found = module.namedParameters().map(async ([name, parameter]): Promise<[string, string]> => {
    const { bytes } = await parameter.read();
    return [name, createHash("sha256").update(bytes).digest("hex")];
  });
  return Object.fromEntries(await Promise.all(found));
}

test("every module of the fixture is tried", () => {
  expect(Object.keys(MODULES)).toEqual(Object.keys(fixture));
});

const engines = await enginesHere();
const cases = Object.entries(MODULES).flatMap(([name, each]) => engines.map((engine) => ({ name, each, engine })));

test.each(cases)("$name has torch's first weights, values and gradients on $engine", async ({ name, each, engine }) => {
  const expected = fixture[name];
  if (expected === undefined) throw new Error(name);
  seedEverything(42);
  const module = each.make();
  expect(await digests(module)).toEqual(expected.initial);
  await disturb(module.parameters());
  const inputs = expected.inputs.map((spec, i) => numbers(spec, i + 1));
  const results = await runOn(engine, module, each, expected.inputs, inputs);
  for (const [key, { shape, values }] of Object.entries(expectations(expected))) {
    const actual = results.get(key);
    if (actual === undefined) throw new Error(`${key} is missing; there are ${[...results.keys()].join(", ")}`);
    expect([key, actual.shape]).toEqual([key, shape]);
    expectNear(key, actual, values);
  }
  const known = new Set(Object.keys(expectations(expected)));
  expect([...results.keys()].filter((key) => !known.has(key) && !isZero(results.get(key)))).toEqual([]);
});

test("a target that is no class makes the loss NaN, one that is ignored does not", () => {
  const logits = tf.tensor2d([[1, 2], [3, 4]]); // prettier-ignore
  const loss = (target: number, options: F.CrossEntropyLossOptions = {}): number | undefined =>
    F.crossEntropy(logits, tf.tensor1d([0, target], "int32"), options).dataSync()[0];
  expect(loss(2)).toBeNaN();
  expect(loss(-1)).toBeNaN();
  // log(e¹ + e²) - 1 of the first row alone
  for (const options of [{}, { ignoreIndex: 7 }]) {
    expect(loss(options.ignoreIndex ?? -100, options)).toBeCloseTo(Math.log(Math.E + Math.E ** 2) - 1, 6);
  }
});

test("a class that is impossible does no harm while it is not the target", () => {
  const logits = new Variable(float32Tensor(Float32Array.of(1, 2, -Infinity), [1, 3]));
  for (const options of [{}, { weight: tf.tensor1d([1, 1, 1]) }]) {
    const { value, grads } = valueAndGrads(() => F.crossEntropy(logits.value, tf.tensor1d([1], "int32"), options), [logits]); // prettier-ignore
    const share = 1 / (1 + Math.exp(1)); // softmax of 1 beside 2
    expect(value.dataSync()[0]).toBeCloseTo(Math.log(1 + Math.exp(-1)), 6);
    [share, -share, 0].forEach((slope, i) => {
      expect(grads[0]?.dataSync()[i]).toBeCloseTo(slope, 6);
    });
  }
});

test.each([
  [() => new nn.GRU(3, 0), "GRU's hiddenSize is a whole number from 1, got 0"],
  [() => new nn.GroupNorm(3, 4), "4 channels cannot be divided into 3 groups"],
  [() => new nn.ConvTranspose2d(2, 2, 3, { outputPadding: 1 }), "outputPadding is less than its stride"],
  [() => new nn.LSTM(3, 4).forward(tf.ones([5, 2, 4])), "LSTM takes [length, N, 3] or [length, 3], got [5, 2, 4]"],
  [
    () => new nn.LSTM(3, 4).forward(tf.ones([5, 2, 3]), [tf.ones([2, 2, 4]), tf.ones([1, 2, 4])]),
    "first state of [1, 2, 4], got [2, 2, 4]",
  ],
  [() => F.glu(tf.ones([2, 3])), "glu halves an axis, and that of [2, 3] is 3 long"],
  [() => F.unflatten(tf.ones([2, 6]), 1, [4, -1]), "an axis of 6 in [2, 6] cannot become [4, -1]"],
  [() => F.groupNorm(tf.ones([2, 3]), 2), "group_norm of 2 groups takes [N, a multiple of 2, …], got [2, 3]"],
  [
    () => F.crossEntropy(tf.ones([2, 3]), tf.tensor1d([1], "int32")),
    "a loss over 2 rows of 3 classes takes as many targets, got [1]",
  ],
  [
    () => F.convTranspose2d(tf.ones([1, 2, 1, 1]), tf.ones([2, 2, 1, 1]), null, { padding: 1 }),
    "nothing is left of [1, 2, 1, 1]",
  ],
])("what does not fit is told with both sides (%#)", (act, message) => {
  expect(act).toThrow(message);
});

test("a layer that has been computed with is not copied into an encoder", () => {
  const layer = new nn.TransformerEncoderLayer(4, 2);
  tf.tidy(() => layer.forward(tf.ones([3, 1, 4])));
  expect(() => new nn.TransformerEncoder(layer, 2)).toThrow("the layer has been used");
});

test("dictionaries and lists name what they hold as torch does", () => {
  class Holder extends nn.Module {
    readonly heads = new nn.ModuleDict({ left: new nn.Linear(1, 1, { bias: false }), right: new nn.ReLU() });
    readonly scales = new nn.ParameterList([new nn.Parameter(float32Tensor(Float32Array.of(1), [1]))]);
    readonly shifts = new nn.ParameterDict({ x: new nn.Parameter(float32Tensor(Float32Array.of(1), [1])) });
    readonly loss = new nn.BCEWithLogitsLoss({ posWeight: [2] });
  }
  const holder = new Holder();
  // torch: ModuleDict, ParameterList, ParameterDict, BCEWithLogitsLoss(pos_weight=...)
  expect([...holder.state().keys()]).toEqual(["heads.left.weight", "scales.0", "shifts.x", "loss.pos_weight"]);
  expect([holder.heads.size, holder.heads.keys(), holder.heads.get("left").weight.shape]).toEqual([
    2,
    ["left", "right"],
    [1, 1],
  ]);
  expect(() => (holder.heads as nn.ModuleDict<Record<string, Module>>).get("middle")).toThrow(
    'no module "middle": left, right',
  );
  expect([holder.scales.length, holder.scales.at(-1)?.shape, holder.shifts.get("x")?.shape]).toEqual([1, [1], [1]]);
});

/** What is to be found, by name. */
function expectations({ outputs, inputGrads, grads, buffers }: Expected): Record<string, Values> {
  const named = (prefix: string, list: readonly (Values | null)[]): [string, Values][] =>
    list.flatMap((each, i): [string, Values][] => (each === null ? [] : [[`${prefix} ${i}`, each]]));
  return Object.fromEntries([
    ...named("output", outputs),
    ...named("input gradient", inputGrads),
    ...Object.entries(grads).map(([name, values]): [string, Values] => [`gradient ${name}`, values]),
    ...Object.entries(buffers).map(([name, values]): [string, Values] => [`buffer ${name}`, values]),
  ]);
}

async function runOn(
  engine: (typeof engines)[number],
  module: Module,
  each: ModuleCase,
  specs: readonly InputSpec[],
  inputs: readonly HostTensor[],
): Promise<Map<string, HostTensor>> {
  const executor = await openEngine(engine);
  const leaves = inputs.map((input) => new Variable(input));
  const wanted = [
    ...leaves.flatMap((leaf, i) => ((specs[i]?.kind ?? "float") === "float" ? [{ name: `input gradient ${i}`, variable: leaf }] : [])), // prettier-ignore
    ...module.namedParameters().map(([name, variable]) => ({ name: `gradient ${name}`, variable })),
  ];
  const buffers = [...module.state()].filter(([name]) => !module.namedParameters().some(([other]) => other === name));
  const step = executor.compile(() => {
    const outputs: Record<string, Tensor> = {};
    const { grads } = valueAndGrads(
      () => {
        const parts = flat(callModule(each, module, leaves.map((leaf) => leaf.value))); // prettier-ignore
        const weighed = parts.map((part, i) => {
          outputs[`output ${i}`] = part.clone();
          const weights = float32Values(numbers({ shape: part.shape, low: -1, high: 1 }, 1000 + i));
          return tf.sum(tf.mul(part, tf.tensor(weights, part.shape)));
        });
        return tf.addN(weighed);
      },
      wanted.map(({ variable }) => variable),
    );
    wanted.forEach(({ name }, i) => {
      const grad = grads[i];
      if (grad) outputs[name] = grad;
    });
    return outputs;
  });
  try {
    seedEverything(7);
    const outputs = await step.run({});
    const found = new Map<string, HostTensor>();
    for (const name of outputs.names) found.set(name, await outputs.tensor(name));
    for (const [name, buffer] of buffers) found.set(`buffer ${name}`, await executor.read(buffer));
    outputs.dispose();
    return found;
  } finally {
    await executor.dispose();
    for (const { variable } of [...wanted, ...leaves.map((variable) => ({ variable }))]) variable.dispose();
  }
}

function valuesOf(tensor: HostTensor): readonly number[] {
  if (tensor.dtype === "int64") return Array.from(new BigInt64Array(tensor.bytes.slice().buffer), Number);
  return [...float32Values(tensor)];
}

function isZero(tensor: HostTensor | undefined): boolean {
  return tensor !== undefined && valuesOf(tensor).every((value) => value === 0);
}

function expectNear(name: string, tensor: HostTensor, expected: readonly number[]): void {
  const actual = valuesOf(tensor);
  // What sums of rounded numbers may differ by is a matter of the largest of them.
  const scale = Math.max(1, ...expected.map(Math.abs));
  const wrong = expected.flatMap((value, i) => {
    const found = actual[i] ?? NaN;
    return Math.abs(found - value) <= 5e-6 * scale ? [] : [`${name}[${i}] is ${found}, in torch ${value}`];
  });
  expect(wrong.slice(0, 5)).toEqual([]);
}
