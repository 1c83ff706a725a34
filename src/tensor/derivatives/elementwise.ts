import * as tf from "@tensorflow/tfjs-core";
import {
  defined,
  fromInputs,
  fromList,
  fromOutput,
  unbroadcast,
  type InputRule,
  type OutputRule,
} from "./derivative.js";

type Binary = (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
type Unary = (dy: tf.Tensor, x: tf.Tensor, attributes: Readonly<Record<string, unknown>>) => tf.Tensor;

/** A rule over two operands that may have been broadcast; the gradient is summed back to the operand's shape. */
function operand(index: 0 | 1, rule: Binary): InputRule {
  return (dy, inputs) => {
    const [a, b] = [defined(inputs[0]), defined(inputs[1])];
    return unbroadcast(rule(dy, a, b), [a, b][index]?.shape ?? []);
  };
}
const binary = (kernel: string, a: Binary, b: Binary): tf.GradConfig =>
  fromInputs(kernel, { a: operand(0, a), b: operand(1, b) });
const unary = (kernel: string, rule: Unary): tf.GradConfig =>
  fromInputs(kernel, { x: (dy, [x], attributes) => rule(dy, defined(x), attributes) });
const ofResult = (kernel: string, rule: OutputRule): tf.GradConfig => fromOutput(kernel, "x", rule);

const float = (x: tf.Tensor): tf.Tensor => tf.cast(x, "float32");
const zero: Unary = (_dy, x) => tf.zeros(x.shape);

/** Whether `a` is chosen over `b` by `beats`: 1, 0, or a half each where they are equal, as torch shares a tie. */
function share(a: tf.Tensor, b: tf.Tensor, beats: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): tf.Tensor {
  return tf.add(float(beats(a, b)), tf.mul(float(tf.equal(a, b)), 0.5));
}

/** Kernels of two operands. */
const BINARY: readonly tf.GradConfig[] = [
  binary(
    tf.Add,
    (dy) => dy,
    (dy) => dy,
  ),
  binary(
    tf.Sub,
    (dy) => dy,
    (dy) => tf.neg(dy),
  ),
  binary(
    tf.Multiply,
    (dy, _a, b) => tf.mul(dy, float(b)),
    (dy, a) => tf.mul(dy, float(a)),
  ),
  binary(
    tf.RealDiv,
    (dy, _a, b) => tf.div(dy, float(b)),
    (dy, a, b) => tf.neg(tf.div(tf.mul(dy, float(a)), tf.square(float(b)))),
  ),
  binary(
    tf.Maximum,
    (dy, a, b) => tf.mul(dy, share(a, b, tf.greater)),
    (dy, a, b) => tf.mul(dy, share(b, a, tf.greater)),
  ),
  binary(
    tf.Minimum,
    (dy, a, b) => tf.mul(dy, share(a, b, tf.less)),
    (dy, a, b) => tf.mul(dy, share(b, a, tf.less)),
  ),
  binary(
    tf.SquaredDifference,
    (dy, a, b) => tf.mul(dy, tf.mul(tf.sub(a, b), 2)),
    (dy, a, b) => tf.mul(dy, tf.mul(tf.sub(b, a), 2)),
  ),
  binary(
    tf.Pow,
    (dy, a, b) => tf.mul(dy, tf.mul(float(b), tf.pow(a, tf.sub(b, 1)))),
    (dy, a, b) => {
      const logarithm = tf.where(tf.greater(a, 0), tf.log(a), tf.zerosLike(a));
      return tf.mul(dy, tf.mul(tf.pow(a, b), logarithm));
    },
  ),
  binary(
    tf.Mod,
    (dy) => dy,
    (dy, a, b) => tf.neg(tf.mul(dy, tf.floor(tf.div(a, b)))),
  ),
  binary(
    tf.Atan2,
    (dy, a, b) => tf.div(tf.mul(dy, b), tf.add(tf.square(a), tf.square(b))),
    (dy, a, b) => tf.neg(tf.div(tf.mul(dy, a), tf.add(tf.square(a), tf.square(b)))),
  ),
  fromInputs(tf.Prelu, {
    x: (dy, [x, alpha]) => tf.where(tf.greater(defined(x), 0), dy, tf.mul(dy, defined(alpha))),
    alpha: (dy, [x, alpha]) =>
      unbroadcast(tf.where(tf.greater(defined(x), 0), tf.zerosLike(dy), tf.mul(dy, defined(x))), defined(alpha).shape),
  }),
  fromInputs(tf.Select, {
    condition: (_dy, [condition]) => tf.zeros(defined(condition).shape),
    t: (dy, [condition]) => tf.mul(dy, float(defined(condition))),
    e: (dy, [condition]) => tf.mul(dy, float(tf.logicalNot(defined(condition)))),
  }),
  fromList(tf.AddN, (dy, inputs) => inputs.map(() => dy)),
];

/** Kernels of one operand, differentiated by it. */
const UNARY: readonly tf.GradConfig[] = [
  unary(tf.Abs, (dy, x) => tf.mul(dy, tf.sign(x))),
  unary(tf.Acos, (dy, x) => tf.neg(tf.mul(dy, tf.rsqrt(tf.sub(1, tf.square(x)))))),
  unary(tf.Acosh, (dy, x) => tf.mul(dy, tf.rsqrt(tf.sub(tf.square(x), 1)))),
  unary(tf.Asin, (dy, x) => tf.mul(dy, tf.rsqrt(tf.sub(1, tf.square(x))))),
  unary(tf.Asinh, (dy, x) => tf.mul(dy, tf.rsqrt(tf.add(tf.square(x), 1)))),
  unary(tf.Atan, (dy, x) => tf.div(dy, tf.add(tf.square(x), 1))),
  unary(tf.Atanh, (dy, x) => tf.div(dy, tf.sub(1, tf.square(x)))),
  unary(tf.Cast, (dy) => float(dy)),
  unary(tf.Ceil, zero),
  unary(tf.ClipByValue, (dy, x, { clipValueMin, clipValueMax }) => {
    const inside = tf.logicalAnd(tf.greaterEqual(x, Number(clipValueMin)), tf.lessEqual(x, Number(clipValueMax)));
    return tf.mul(dy, float(inside));
  }),
  unary(tf.Cos, (dy, x) => tf.mul(dy, tf.neg(tf.sin(x)))),
  unary(tf.Cosh, (dy, x) => tf.mul(dy, tf.sinh(x))),
  unary(tf.Erf, (dy, x) => tf.mul(dy, tf.mul(tf.exp(tf.neg(tf.square(x))), 2 / Math.sqrt(Math.PI)))),
  unary(tf.Expm1, (dy, x) => tf.mul(dy, tf.exp(x))),
  unary(tf.Floor, zero),
  unary(tf.Identity, (dy) => float(dy)),
  unary(tf.LeakyRelu, (dy, x, { alpha }) => tf.where(tf.greater(x, 0), dy, tf.mul(dy, Number(alpha)))),
  unary(tf.Log, (dy, x) => tf.div(dy, float(x))),
  unary(tf.Log1p, (dy, x) => tf.div(dy, tf.add(x, 1))),
  unary(tf.Neg, (dy) => tf.neg(dy)),
  unary(tf.Relu, (dy, x) => tf.mul(dy, tf.step(x))),
  unary(tf.Relu6, (dy, x) => tf.mul(dy, tf.mul(tf.step(x), float(tf.less(x, 6))))),
  unary(tf.Round, zero),
  unary(tf.Sign, zero),
  unary(tf.Sin, (dy, x) => tf.mul(dy, tf.cos(x))),
  unary(tf.Sinh, (dy, x) => tf.mul(dy, tf.cosh(x))),
  unary(tf.Softplus, (dy, x) => tf.mul(dy, tf.sigmoid(x))),
  unary(tf.Square, (dy, x) => tf.mul(dy, tf.mul(x, 2))),
  unary(tf.Step, zero),
];

/** SELU's constants. */
const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;

/** Kernels of one operand whose derivative is cheaper by their result. */
const OF_RESULT: readonly tf.GradConfig[] = [
  ofResult(tf.Elu, (dy, y) => tf.mul(dy, tf.where(tf.greater(y, 0), tf.onesLike(y), tf.add(y, 1)))),
  ofResult(tf.Exp, (dy, y) => tf.mul(dy, y)),
  ofResult(tf.Reciprocal, (dy, y) => tf.neg(tf.mul(dy, tf.square(y)))),
  ofResult(tf.Rsqrt, (dy, y) => tf.mul(dy, tf.mul(tf.mul(tf.square(y), y), -0.5))),
  ofResult(tf.Selu, (dy, y) => {
    const slope = tf.where(tf.greater(y, 0), tf.fill(y.shape, SELU_SCALE), tf.add(y, SELU_SCALE * SELU_ALPHA));
    return tf.mul(dy, slope);
  }),
  ofResult(tf.Sigmoid, (dy, y) => tf.mul(dy, tf.mul(y, tf.sub(1, y)))),
  ofResult(tf.Sqrt, (dy, y) => tf.div(dy, tf.mul(y, 2))),
  ofResult(tf.Tan, (dy, y) => tf.mul(dy, tf.add(tf.square(y), 1))),
  ofResult(tf.Tanh, (dy, y) => tf.mul(dy, tf.sub(1, tf.square(y)))),
];

/** Answers, not quantities: nothing flows back through them. */
const FLAT: readonly tf.GradConfig[] = [
  ...[
    ...[tf.Equal, tf.Greater, tf.GreaterEqual, tf.Less, tf.LessEqual, tf.LogicalAnd, tf.LogicalOr, tf.NotEqual],
    ...[tf.BitwiseAnd, tf.FloorDiv],
  ].map((kernel) =>
    binary(
      kernel,
      (_dy, a) => tf.zeros(a.shape),
      (_dy, _a, b) => tf.zeros(b.shape),
    ),
  ),
  ...[
    ...[tf.All, tf.Any, tf.ArgMax, tf.ArgMin, tf.IsFinite, tf.IsInf, tf.IsNan, tf.LogicalNot],
    ...[tf.OnesLike, tf.ZerosLike],
  ].map((kernel) => unary(kernel, zero)),
];

/** Derivatives of kernels that work element by element. */
export const ELEMENTWISE: readonly tf.GradConfig[] = [...BINARY, ...UNARY, ...OF_RESULT, ...FLAT];
