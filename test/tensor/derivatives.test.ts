import { float32Tensor, float32Values } from "../../src/storage/hostTensor.js";
import { crossEntropy, logSoftmax, mseLoss } from "../../src/nn/functional.js";
import { valueAndGrads } from "../../src/tensor/gradients.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import { toHost } from "../../src/tensor/transfer.js";
import { Variable } from "../../src/tensor/variable.js";
import { fixtureJson } from "./fixture.js";

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
const cases = fixtureJson("tensor/derivatives.json") as Record<string, Case>;

/** The fixture's functions in tfjs' words; a rule is missing here when it is missing there. */
const OPS: Readonly<Record<string, (a: Tensor, b: Tensor) => Tensor>> = {
  "add-row": (a, b) => tf.add(a, b),
  "sub-row": (a, b) => tf.sub(a, b),
  "mul-row": (a, b) => tf.mul(a, b),
  "div-row": (a, b) => tf.div(a, b),
  maximum: (a, b) => tf.maximum(a, b),
  minimum: (a, b) => tf.minimum(a, b),
  squaredDifference: (a, b) => tf.squaredDifference(a, b),
  pow: (a, b) => tf.pow(a, b),
  prelu: (a, b) => tf.prelu(a, b),
  where: (a, b) => tf.where(tf.greater(a, 0), a, b),
  abs: (a) => tf.abs(a),
  cos: (a) => tf.cos(a),
  erf: (a) => tf.erf(a),
  expm1: (a) => tf.expm1(a),
  exp: (a) => tf.exp(a),
  log: (a) => tf.log(a),
  log1p: (a) => tf.log1p(a),
  neg: (a) => tf.neg(a),
  clip: (a) => tf.clipByValue(a, -0.5, 0.5),
  elu: (a) => tf.elu(a),
  selu: (a) => tf.selu(a),
  relu: (a) => tf.relu(a),
  relu6: (a) => tf.relu6(a),
  leakyRelu: (a) => tf.leakyRelu(a, 0.2),
  reciprocal: (a) => tf.reciprocal(a),
  rsqrt: (a) => tf.rsqrt(a),
  sqrt: (a) => tf.sqrt(a),
  sigmoid: (a) => tf.sigmoid(a),
  sin: (a) => tf.sin(a),
  softplus: (a) => tf.softplus(a),
  square: (a) => tf.square(a),
  tanh: (a) => tf.tanh(a),
  "sum-all": (a) => tf.mul(tf.sum(a), 2),
  "sum-1": (a) => tf.sum(a, 1),
  "mean-all": (a) => tf.mul(tf.mean(a), 2),
  "mean-02": (a) => tf.mean(a, [0, 2]),
  "max-1": (a) => tf.max(a, 1),
  "min-1": (a) => tf.min(a, 1),
  "cumsum-1": (a) => tf.cumsum(a, 1),
  softmax: (a) => tf.softmax(a),
  logSoftmax: (a) => logSoftmax(a),
  reshape: (a) => tf.reshape(a, [3, 2]),
  transpose: (a) => tf.transpose(a, [2, 0, 1]),
  slice: (a) => tf.slice(a, [0, 1, 2], [-1, 2, 2]),
  pad: (a) => tf.pad(a, [[0, 1], [1, 2]]), // prettier-ignore
  tile: (a) => tf.tile(a, [2, 3]),
  broadcastTo: (a) => tf.broadcastTo(a, [2, 3]),
  reverse: (a) => tf.reverse(a, 1),
  concat: (a, b) => tf.concat([a, b], 1),
  stack: (a, b) => tf.stack([a, b], 1),
  unstack: (a) => tf.unstack(a, 1)[2] ?? a,
  split: (a) => tf.split(a, [1, 3], 2)[1] ?? a,
  "gather-0": (a) => tf.gather(a, [1, 1, 0]),
  "gather-1": (a) => tf.gather(a, [2, 0, 2, 2], 1),
  "matMul-nn": (a, b) => tf.matMul(a, b),
  "matMul-nt": (a, b) => tf.matMul(a, b, false, true),
  "matMul-tn": (a, b) => tf.matMul(a, b, true, false),
  "matMul-tt": (a, b) => tf.matMul(a, b, true, true),
  "matMul-batch": (a, b) => tf.matMul(a, b),
  "matMul-batch-nt": (a, b) => tf.matMul(a, b, false, true),
  mseLoss: (a, b) => mseLoss(a, b),
  crossEntropy: (a) => crossEntropy(a, tf.tensor1d([2, 0], "int32")),
};

test("every function of the fixture is tried", () => {
  expect(Object.keys(OPS)).toEqual(Object.keys(cases));
});

test.each(Object.entries(cases))("%s has torch's value and gradients", async (name, expected) => {
  const variables = expected.inputs.map(
    ({ shape, values }) => new Variable(float32Tensor(Float32Array.from(values), shape)),
  );
  const before = tf.memory().numTensors;
  const op = OPS[name];
  const result = tf.tidy(() => {
    const [first, second] = variables;
    if (op === undefined || first === undefined) throw new Error(name);
    let value: Tensor | undefined;
    const { grads } = valueAndGrads(() => {
      value = op(first.value, (second ?? first).value);
      return tf.sum(tf.mul(value, tf.tensor([...expected.weights.values], [...expected.weights.shape])));
    }, variables);
    // The value was made inside the differentiated function and is still there.
    return { value: value?.clone(), grads: grads.filter((grad) => grad !== null) };
  });
  const read = async (tensor: Tensor | undefined): Promise<number[]> =>
    tensor === undefined ? [] : [...float32Values(await toHost(tensor, "float32"))];
  expectClose(await read(result.value), expected.value.values);
  expect(result.value?.shape).toEqual(expected.value.shape);
  for (const [i, { shape, values }] of expected.grads.entries()) {
    expect(result.grads[i]?.shape).toEqual(shape);
    expectClose(await read(result.grads[i]), values);
  }
  tf.dispose([result.value ?? [], ...result.grads]);
  expect(tf.memory().numTensors - before).toBe(variables.length); // each variable has its tensor now, nothing else is left
  for (const variable of variables) variable.dispose();
});

test("a variable that the value does not depend on has no gradient", () => {
  const [a, b] = [1, 2].map((x) => new Variable(float32Tensor(Float32Array.of(x), [1])));
  if (a === undefined || b === undefined) throw new Error("unreachable");
  const { grads } = valueAndGrads(() => tf.sum(tf.square(a.value)), [a, b]);
  expect(grads.map((grad) => grad?.dataSync()[0] ?? null)).toEqual([2, null]);
});

test("an average over the edge of an image gives its gradient to the places inside", () => {
  const images = new Variable(float32Tensor(Float32Array.of(4, 8), [1, 1, 2, 1]));
  const { value, grads } = valueAndGrads(
    () => tf.sum(tf.avgPool(images.value as tf.Tensor4D, [1, 2], 1, "same")),
    [images],
  );
  // The windows are [4, 8] and [8]: their averages 6 and 8, so 4 counts a half and 8 a half and a whole.
  expect(value.dataSync()[0]).toBe(14);
  expect([...(grads[0]?.dataSync() ?? [])]).toEqual([0.5, 1.5]);
});

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries())
    expect(Math.abs((actual[i] ?? NaN) - value)).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(value)));
}
