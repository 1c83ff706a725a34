import {
  BatchNorm2d,
  Conv1d,
  Conv2d,
  Dropout,
  Embedding,
  functional as F,
  MultiheadAttention,
  Sequential,
  type Module,
} from "../../src/nn/index.js";
import { normalizeChannels, overChannels } from "../../src/nn/normalization.js";
import { float32Tensor, float32Values, type HostTensor } from "../../src/storage/hostTensor.js";
import { defaultGenerator, seedEverything } from "../../src/tensor/generator.js";
import { valueAndGrads } from "../../src/tensor/gradients.js";
import { observeRandom, type RandomDraw } from "../../src/tensor/randomInput.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import { fromHost, toHost } from "../../src/tensor/transfer.js";
import { Variable } from "../../src/tensor/variable.js";
import { digestsOf, expectClose } from "./expectation.js";
import { fixtureJson } from "../tensor/fixture.js";

interface Values {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}
interface Case {
  readonly inputs: readonly Values[];
  readonly weights: Values;
  readonly value: Values;
  readonly grads: readonly Values[];
}
interface Running {
  readonly batch: Values;
  readonly state: Readonly<Record<string, Values>>;
  readonly evaluated: Values;
}
interface Masks {
  readonly first: Values;
  readonly second: Values;
  readonly next: number;
}
const fixture = fixtureJson("nn/layers.json") as Readonly<Record<string, Case | Running | Masks>>;

const host = ({ shape, values }: Values): HostTensor => float32Tensor(Float32Array.from(values), shape);
const tensor = (values: Values): Tensor => fromHost(host(values));
const read = async (t: Tensor): Promise<number[]> => [...float32Values(await toHost(t, "float32"))];
const TOKENS = tf.tensor([[1, 4, 1], [0, 1, 6]], [2, 3], "int32"); // prettier-ignore
const MASK = tf.tensor([0, -Infinity, 0.5, 0, 0, ...new Array<number>(20).fill(0)], [5, 5]);

type Op = (x: Tensor, ...others: readonly (Tensor | undefined)[]) => Tensor;
const conv2d =
  (options: F.Conv2dOptions): Op =>
  (x, weight = x, bias) =>
    F.conv2d(x, weight, bias, options);
/** A module with the fixture's tensors as its parameters, so that gradients by them are found. */
const multihead =
  (isCausal: boolean, batchFirst: boolean): Op =>
  (x, inWeight, inBias, outWeight, outBias, key) => {
    const module = new MultiheadAttention(6, 2, { batchFirst });
    const given = [inWeight, inBias, outWeight, outBias];
    module.parameters().forEach((parameter, i) => {
      const value = given[i];
      if (value !== undefined) Object.defineProperty(parameter, "value", { get: () => value });
    });
    return module.forward(x, key, key, { isCausal });
  };

/** The fixture's functions in ltrain's words. */
const OPS: Readonly<Record<string, Op>> = {
  conv2d: conv2d({}),
  "conv2d-padding": conv2d({ padding: 1 }),
  "conv2d-odd": conv2d({ stride: [2, 1], padding: [0, 2] }),
  "conv2d-stride-leaves-rest": conv2d({ stride: 3 }),
  "conv2d-dilation-stride": conv2d({ stride: 2, padding: 2, dilation: 2 }),
  "conv2d-groups": conv2d({ groups: 2 }),
  "conv2d-depthwise": conv2d({ padding: 1, groups: 4 }),
  "conv2d-same": conv2d({ padding: "same", dilation: [1, 2] }),
  "conv2d-one-image": conv2d({}),
  conv1d: (x, weight = x, bias) => F.conv1d(x, weight, bias, { stride: 2, padding: 1, dilation: 2 }),
  maxPool2d: (x) => F.maxPool2d(x, 2),
  "maxPool2d-ties": (x) => F.maxPool2d(x, 2),
  "maxPool2d-overlap": (x) => F.maxPool2d(x, 3, { stride: 2, padding: 1 }),
  "maxPool2d-ceil": (x) => F.maxPool2d(x, [2, 4], { stride: [2, 3], ceilMode: true }),
  avgPool2d: (x) => F.avgPool2d(x, 2),
  "avgPool2d-padding": (x) => F.avgPool2d(x, 3, { stride: 2, padding: 1 }),
  "avgPool2d-padding-uncounted": (x) => F.avgPool2d(x, 3, { stride: 2, padding: 1, countIncludePad: false }),
  "avgPool2d-ceil": (x) => F.avgPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true }),
  layerNorm: (x, weight, bias) => F.layerNorm(x, weight, bias),
  "layerNorm-two-axes": (x, weight, bias) => F.layerNorm(x, weight, bias),
  batchNorm2d: (x, weight = x, bias = x) =>
    tf.add(tf.mul(normalizeChannels(x, 1e-5), overChannels(weight, x)), overChannels(bias, x)),
  embedding: (weight) => F.embedding(TOKENS, weight),
  "embedding-padding": (weight) => F.embedding(TOKENS, weight, 1),
  gelu: (x) => F.gelu(x),
  "gelu-tanh": (x) => F.gelu(x, { approximate: "tanh" }),
  silu: (x) => F.silu(x),
  "softmax-1": (x) => F.softmax(x, 1),
  "logSoftmax-1": (x) => F.logSoftmax(x, 1),
  attention: (q, k = q, v = q) => F.scaledDotProductAttention(q, k, v),
  "attention-causal": (q, k = q, v = q) => F.scaledDotProductAttention(q, k, v, { isCausal: true }),
  "attention-mask-scale": (q, k = q, v = q) => F.scaledDotProductAttention(q, k, v, { mask: MASK, scale: 0.3 }),
  "multihead-self": multihead(false, false),
  "multihead-causal": multihead(true, true),
  "multihead-cross": multihead(false, true),
};

test("every function of the fixture is tried", () => {
  expect(Object.keys(OPS)).toEqual(Object.keys(fixture).filter((name) => !/^(running|dropout)-/.test(name)));
});

test.each(Object.entries(OPS))("%s has torch's value and gradients", async (name, op) => {
  const expected = fixture[name] as Case;
  const variables = expected.inputs.map((input) => new Variable(host(input)));
  const [value = MASK, ...grads] = tf.tidy((): Tensor[] => {
    let made = tf.scalar(NaN) as Tensor;
    const result = valueAndGrads(() => {
      const [x, ...others] = variables.map((variable) => variable.value);
      if (x === undefined) throw new Error(name);
      made = op(x, ...others);
      return tf.sum(tf.mul(made, tensor(expected.weights)));
    }, variables);
    const found = result.grads.filter((grad) => grad !== null);
    expect(found).toHaveLength(variables.length);
    return [made.clone(), ...found];
  });
  expect(value.shape).toEqual(expected.value.shape);
  expectClose(await read(value), expected.value.values);
  for (const [i, { shape, values }] of expected.grads.entries()) {
    const grad = grads[i];
    if (grad === undefined) throw new Error(name);
    expect(grad.shape).toEqual(shape);
    expectClose(await read(grad), values);
  }
  tf.dispose([value, ...grads]);
  for (const variable of variables) variable.dispose();
});

test.each([0.1, null])("BatchNorm2d with momentum %p keeps torch's running statistics", async (momentum) => {
  const expected = fixture[`running-${momentum === null ? "None" : momentum}`] as Running;
  const norm = new BatchNorm2d(4, { momentum });
  const batch = tensor(expected.batch);
  for (const x of [batch, tf.add(tf.mul(batch, 2), 1)]) tf.tidy(() => norm.forward(x)).dispose();
  norm.eval();
  expectClose(await read(norm.forward(batch)), expected.evaluated.values);
  expect([...norm.state().keys()]).toEqual(Object.keys(expected.state));
  for (const [name, variable] of norm.state()) {
    expectClose(await read(variable.value), expected.state[name]?.values ?? []);
  }
  expect((await norm.num_batches_tracked?.read())?.dtype).toBe("int64");
  expect([...norm.stateVersions().values()]).toEqual([2]);
});

describe.each([0.5, 0.3])("Dropout(%d)", (p) => {
  const expected = fixture[`dropout-${p}`] as Masks;

  test("draws torch's masks and leaves the generator where torch leaves it", async () => {
    seedEverything(42);
    const layer = new Dropout(p);
    expect(await read(layer.forward(tf.ones([3, 7])))).toEqual([...Float32Array.from(expected.first.values)]);
    expect(await read(layer.forward(tf.ones([5])))).toEqual([...Float32Array.from(expected.second.values)]);
    expect(defaultGenerator.float32()).toBeCloseTo(expected.next, 7);
  });

  test("recorded once and drawn for at every run, it gives the same numbers", async () => {
    const layer = new Dropout(p);
    const requests: RandomDraw[] = [];
    const step = (): Tensor[] => [layer.forward(tf.ones([3, 7])), layer.forward(tf.ones([5]))];
    seedEverything(42);
    observeRandom((request) => {
      requests.push(request);
      return tf.zeros([...request.shape]);
    }, step);
    const drawn = requests.map((request) => [...request.draw()]);
    expect(drawn).toEqual([expected.first.values, expected.second.values].map((mask) => [...Float32Array.from(mask)]));
    expect(await read(step()[0] ?? tf.scalar(0))).not.toEqual(drawn[0]);
  });
});

test("Dropout does nothing in evaluation, and draws nothing", () => {
  seedEverything(42);
  const before = defaultGenerator.getState();
  const x = tf.ones([4]);
  expect(new Dropout().eval().forward(x)).toBe(x);
  expect(new Dropout(0).forward(x)).toBe(x);
  expect(defaultGenerator.getState()).toEqual(before);
});

describe("torch's initialisation, to the bit", () => {
  const { inits } = fixtureJson("trained/seed-parity/parity.json") as {
    readonly inits: Readonly<Record<string, { readonly sha256: string }>>;
  };
  const made: Readonly<Record<string, () => Module>> = {
    conv2d_3_8_3: () => new Conv2d(3, 8, 3),
    conv2d_1_4_3_nobias: () => new Conv2d(1, 4, 3, { bias: false }),
    conv1d: () => new Conv1d(2, 6, 5),
    embedding_11_5: () => new Embedding(11, 5),
    embedding_padding: () => new Embedding(6, 3, { paddingIdx: -4 }),
    mha_8_2: () => new MultiheadAttention(8, 2),
  };
  const cases = [42, 7].flatMap((seed) => Object.entries(made).map(([name, make]) => ({ seed, name, make })));

  test.each(cases)("seed $seed: $name", async ({ seed, name, make }) => {
    seedEverything(seed);
    const prefix = `seed${seed}.${name}.`;
    const expected = Object.entries(inits).filter(([key]) => key.startsWith(prefix));
    expect(expected.length).toBeGreaterThan(0);
    expect(Object.entries(await digestsOf(make()))).toEqual(
      expected.map(([key, { sha256 }]) => [key.slice(prefix.length), sha256]),
    );
  });
});

test("arguments that cannot be are refused with what they should be", () => {
  expect(() => new Conv2d(3, 4, 3, { groups: 2 })).toThrow(/from 3 to 4 channels cannot have 2 groups/);
  expect(() => new Conv2d(3, 4, 0)).toThrow(/kernelSize is a whole number from 1/);
  expect(() => new Conv2d(3, 4, 3).forward(tf.zeros([2, 1, 8, 8]))).toThrow(/takes \[N, 3, H, W\], got \[2, 1, 8, 8\]/);
  expect(() => new Conv2d(1, 1, 3, { padding: "same", stride: 2 }).forward(tf.zeros([1, 1, 8, 8]))).toThrow(
    /stride of 1/,
  );
  expect(() => F.maxPool2d(tf.zeros([1, 1, 8, 8]), 2, { padding: 2 })).toThrow(/at most half/);
  expect(() => F.layerNorm(tf.zeros([2, 3]), tf.zeros([4]))).toThrow(/takes a tensor that ends in it/);
  expect(() => new BatchNorm2d(2).forward(tf.zeros([2, 2]))).toThrow(/BatchNorm2d takes a tensor of 4 axes/);
  expect(() => new BatchNorm2d(2).forward(tf.zeros([1, 2, 1, 1]))).toThrow(/more than one value per channel/);
  expect(() => new Embedding(4, 2, { paddingIdx: 4 })).toThrow(/paddingIdx 4/);
  expect(() => F.dropout(tf.zeros([1]), 1.5)).toThrow(/from 0 to 1/);
  expect(() => new MultiheadAttention(5, 2)).toThrow(/among 2 heads/);
  expect([...new Sequential(new Dropout(), new Conv1d(2, 2, 1, { bias: false })).state().keys()]).toEqual(["1.weight"]);
});
