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

type Op = (a: Tensor, b: Tensor, ...others: readonly Tensor[]) => Tensor;

/** Transposed convolutions as tfjs has them: kernels that take the shape of their result. */
function byInput(kernel: string, shape: readonly number[], pad: number, x: Tensor, filter: Tensor): Tensor {
  const attributes = { strides: [2, 2], dilations: 1, dimRoundingMode: "floor", inputShape: [...shape] };
  const sides = [[0, 0], [pad, pad], [pad, pad], [0, 0]]; // prettier-ignore
  const dy = tf.transpose(x, [0, 2, 3, 1]);
  const result: Tensor = tf.engine().runKernel(kernel, { dy, filter }, { ...attributes, pad: sides });
  return tf.transpose(result, [0, 3, 1, 2]);
}

/** The squared gradients of a sum of squares: differentiating it differentiates the gradients. */
function twice(f: (x: Tensor, filter: Tensor) => Tensor): Op {
  return (a, b) => {
    const grads = tf.grads((x, filter) => tf.sum(tf.square(f(x, filter))))([a, b]);
    return tf.addN(grads.map((grad) => tf.sum(tf.square(grad))));
  };
}

const nhwc = (x: Tensor): tf.Tensor4D => tf.transpose(x, [0, 2, 3, 1]) as tf.Tensor4D;
const hwio = (filter: Tensor): tf.Tensor4D => tf.transpose(filter, [2, 3, 1, 0]) as tf.Tensor4D;
const indices = (...rows: readonly (readonly number[])[]): tf.Tensor2D =>
  tf.tensor2d(rows.map((row) => [...row]), undefined, "int32"); // prettier-ignore

/** The fixture's functions in tfjs' words; a rule is missing here when it is missing there. */
const OPS: Readonly<Record<string, Op>> = {
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
  "add-n": (a, b) => tf.addN([a, b, a]),
  mod: (a, b) => tf.mod(a, b),
  atan2: (a, b) => tf.atan2(a, b),
  acos: (a) => tf.acos(a),
  acosh: (a) => tf.acosh(a),
  asin: (a) => tf.asin(a),
  asinh: (a) => tf.asinh(a),
  atan: (a) => tf.atan(a),
  atanh: (a) => tf.atanh(a),
  cosh: (a) => tf.cosh(a),
  sinh: (a) => tf.sinh(a),
  tan: (a) => tf.tan(a),
  "max-ties": (a) => tf.max(a, 1),
  "min-ties": (a) => tf.min(a, 0),
  "prod-1": (a) => tf.prod(a, 1),
  "prod-zeros": (a) => tf.prod(a, 1),
  "prod-all": (a) => tf.prod(a),
  "prod-02": (a) => tf.prod(a, [0, 2]),
  "cumprod-1": (a) => tf.cumprod(a, 1),
  "cumprod-zeros": (a) => tf.cumprod(a, 1),
  "cumprod-exclusive": (a) => tf.cumprod(a, 1, true),
  "cumprod-reverse": (a) => tf.cumprod(a, 2, false, true),
  "cumsum-0-exclusive-reverse": (a) => tf.cumsum(a, 0, true, true),
  topk: (a) => tf.topk(a, 2).values,
  zerosLike: (a) => tf.add(a, tf.mul(tf.zerosLike(a), a)),
  onesLike: (a) => tf.mul(a, tf.onesLike(a)),
  floor: (a) => tf.mul(a, tf.floor(tf.mul(a, 3))),
  any: (a) => tf.mul(a, tf.cast(tf.any(tf.greater(a, 0), 1, true), "float32")),
  all: (a) => tf.mul(a, tf.cast(tf.all(tf.less(a, 1), 1, true), "float32")),
  stridedSlice: (a) => tf.stridedSlice(a, [0, 0, 1], [2, 3, 4], [1, 2, 2]),
  "stridedSlice-back": (a) => tf.stridedSlice(a, [0, 1, -1], [2, 3, -5], [1, 1, -2]),
  "mirrorPad-reflect": (a) => tf.mirrorPad(a, [[0, 0], [1, 2], [2, 1]], "reflect"), // prettier-ignore
  "mirrorPad-symmetric": (a) => tf.mirrorPad(a, [[0, 0], [2, 1]], "symmetric"), // prettier-ignore
  diag: (a) => tf.diag(a),
  "gather-batch": (a) => tf.gather(a, indices([1, 1], [2, 0]), 1, 1),
  gatherNd: (a) => tf.gatherND(a, indices([1, 2], [0, 1], [1, 2])),
  scatterNd: (a) => tf.scatterND(indices([2], [2]), a, [4, 3]),
  tensorScatterUpdate: (a, b) => tf.tensorScatterUpdate(a, indices([1]), tf.slice(b, 0, 1)),
  unsortedSegmentSum: (a) => tf.unsortedSegmentSum(a, tf.tensor1d([2, 2], "int32"), 3),
  "einsum-product": (a, b) => tf.einsum("bij,bjk->bik", a, b),
  "einsum-transposed": (a, b) => tf.einsum("bij,kj->bki", a, b),
  "einsum-sum": (a) => tf.einsum("bij->bj", a),
  "einsum-rows": (a, b) => tf.einsum("ij,ij->i", a, b),
  "batchNorm-given": (x, mean, variance, scale, offset) => tf.batchNorm(x, mean, variance, offset, scale, 0.1),
  "conv2d-by-input": (a, b) => byInput(tf.Conv2DBackpropInput, [2, 8, 8, 2], 1, a, hwio(b)),
  "depthwise-by-input": (a, b) =>
    byInput(tf.DepthwiseConv2dNativeBackpropInput, [2, 8, 9, 3], 0, a, tf.transpose(b, [2, 3, 0, 1])),
  "conv2d-twice": twice((x, filter) => tf.conv2d(nhwc(x), hwio(filter), 1, "valid")),
  "depthwise-twice": twice((x, filter) =>
    tf.depthwiseConv2d(nhwc(x), tf.transpose(filter, [2, 3, 0, 1]) as tf.Tensor4D, 1, "valid"),
  ),
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
    const [first, second = first, ...others] = variables;
    if (op === undefined || first === undefined || second === undefined) throw new Error(name);
    let value: Tensor | undefined;
    const { grads } = valueAndGrads(() => {
      value = op(first.value, second.value, ...others.map((each) => each.value));
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

test("a gradient that reaches two tensors at once is each one's own", () => {
  const [a, b] = [1, 2].map((x) => new Variable(float32Tensor(Float32Array.of(x), [1])));
  if (a === undefined || b === undefined) throw new Error("unreachable");
  // The sum's gradient goes to both, and then more is added to a's.
  const { grads } = valueAndGrads(() => {
    const twice = tf.mul(a.value, 2);
    return tf.sum(tf.add(twice, tf.add(a.value, b.value)));
  }, [a, b]);
  expect(grads.map((grad) => grad?.dataSync()[0])).toEqual([3, 1]);
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
