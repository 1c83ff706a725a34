import type { tf } from "../../tensor/tf.js";
import type { Value } from "../graph.js";
import { float, int } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { LoweringTable } from "./lowering.js";
import { lowering } from "./lowering.js";
import { add, compare, mul, sub, unary, where } from "./operators.js";

/** Numbers kept between two bounds. */
export function clip(b: GraphBuilder, x: Value, low: number, high: number): Value {
  return b.emit("Clip", [x, b.scalar(low, x.dtype), b.scalar(high, x.dtype)], x);
}

function prelu(b: GraphBuilder, x: Value, alpha: Value): Value {
  return where(b, compare(b, "Less", x, b.scalar(0)), mul(b, alpha, x), x);
}

/** The activation that tfjs fuses into a matrix product or a convolution. */
export function fusedActivation(
  b: GraphBuilder,
  x: Value,
  kind: tf.fused.Activation | undefined,
  preluWeights: Value | undefined,
  leakyAlpha: number | undefined,
): Value {
  switch (kind) {
    case undefined:
    case "linear":
      return x;
    case "relu":
      return unary(b, "Relu", x);
    case "relu6":
      return clip(b, x, 0, 6);
    case "elu":
      return unary(b, "Elu", x);
    case "sigmoid":
      return unary(b, "Sigmoid", x);
    case "leakyrelu":
      return unary(b, "LeakyRelu", x, { alpha: float(leakyAlpha ?? 0.2) });
    case "prelu":
      if (preluWeights === undefined) throw new Error("prelu without its weights");
      return prelu(b, x, preluWeights);
    default:
      kind satisfies never;
      throw new TypeError("unreachable");
  }
}

/** Activations, and the gradients that tfjs has kernels of their own for. */
export const ACTIVATION: LoweringTable = {
  Relu: lowering<"x">((b, { x }) => unary(b, "Relu", x)),
  Relu6: lowering<"x">((b, { x }) => clip(b, x, 0, 6)),
  LeakyRelu: lowering<"x", tf.LeakyReluAttrs>((b, { x }, { alpha }) =>
    unary(b, "LeakyRelu", b.cast(x, "float32"), { alpha: float(alpha) }),
  ),
  Prelu: lowering<"x" | "alpha">((b, { x, alpha }) => prelu(b, x, alpha)),
  Elu: lowering<"x">((b, { x }) => unary(b, "Elu", x)),
  Selu: lowering<"x">((b, { x }) => unary(b, "Selu", x)),
  Sigmoid: lowering<"x">((b, { x }) => unary(b, "Sigmoid", b.cast(x, "float32"))),
  Softplus: lowering<"x">((b, { x }) => unary(b, "Softplus", x)),
  Step: lowering<"x", tf.StepAttrs>((b, { x }, { alpha }) => {
    const positive = compare(b, "Greater", x, b.scalar(0, x.dtype));
    if (alpha === 0) return b.cast(positive, x.dtype);
    return where(b, positive, b.scalar(1, x.dtype), b.scalar(alpha, x.dtype));
  }),
  ClipByValue: lowering<"x", tf.ClipByValueAttrs>((b, { x }, { clipValueMin, clipValueMax }) =>
    clip(b, x, clipValueMin, clipValueMax),
  ),
  Softmax: lowering<"logits", tf.SoftmaxAttrs>((b, { logits }, { dim }) =>
    unary(b, "Softmax", logits, { axis: int(dim) }),
  ),
  FusedBatchNorm: lowering<"x" | "mean" | "variance", tf.FusedBatchNormAttrs>((b, inputs, { varianceEpsilon }) => {
    const { x, mean, variance } = inputs;
    const { scale, offset } = inputs as Partial<Record<"scale" | "offset", Value>>;
    const deviation = unary(b, "Sqrt", add(b, variance, b.scalar(varianceEpsilon)));
    const inverse = unary(b, "Reciprocal", deviation);
    const factor = scale === undefined ? inverse : mul(b, scale, inverse);
    const normal = mul(b, sub(b, x, mean), factor);
    return offset === undefined ? normal : add(b, normal, offset);
  }),
};
