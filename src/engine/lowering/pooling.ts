import { tf } from "../../tensor/tf.js";
import type { Attributes, Value } from "../graph.js";
import { int, ints, text } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { convTranspose, explicitPad, TO_NCHW, TO_NHWC } from "./convolution.js";
import type { LoweringTable } from "./lowering.js";
import { lowering } from "./lowering.js";

type PoolInfo = tf.backend_util.Conv2DInfo;

interface PoolAttrs {
  readonly filterSize: [number, number] | number;
  readonly strides: [number, number] | number;
  readonly pad: "valid" | "same" | number | tf.backend_util.ExplicitPadding;
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

function infoOf(shape: readonly number[], { filterSize, strides, pad, dimRoundingMode }: PoolAttrs): PoolInfo {
  const input = [...shape] as [number, number, number, number];
  return tf.backend_util.computePool2DInfo(input, filterSize, strides, 1, explicitPad(pad), dimRoundingMode);
}

function poolAttributes(info: PoolInfo): Attributes {
  const { top, bottom, left, right } = info.padInfo;
  return {
    kernel_shape: ints([info.filterHeight, info.filterWidth]),
    strides: ints([info.strideHeight, info.strideWidth]),
    pads: ints([top, left, bottom, right]),
  };
}

function pooledShape(info: PoolInfo): number[] {
  return [info.batchSize, info.inChannels, info.outHeight, info.outWidth];
}

/** The largest element of each window of NCHW images, and where it is; a pass drops the second where it is not used. */
function maxPool(b: GraphBuilder, x: Value, info: PoolInfo): { readonly largest: Value; readonly positions: Value } {
  const shape = pooledShape(info);
  const specs = [
    { dtype: x.dtype, shape },
    { dtype: "int64", shape },
  ] as const;
  const [largest, positions] = b.emitMany("MaxPool", [x], specs, poolAttributes(info));
  if (largest === undefined || positions === undefined) throw new Error("MaxPool gave too little");
  return { largest, positions };
}

/** The gradient goes to the largest element of each window: the first of equals, as in torch. */
function maxPoolGradient(b: GraphBuilder, dy: Value, x: Value, info: PoolInfo): Value {
  const images = b.transpose(x, TO_NCHW);
  const { positions } = maxPool(b, images, info);
  const count = dy.shape.reduce((all, size) => all * size, 1);
  const total = x.shape.reduce((all, size) => all * size, 1);
  const zeros = b.expand(b.scalar(0, dy.dtype), [total]);
  const updates = b.reshape(b.transpose(dy, TO_NCHW), [count]);
  const apart = info.strideHeight >= info.filterHeight && info.strideWidth >= info.filterWidth;
  const attributes = { axis: int(0), ...(apart ? {} : { reduction: text("add") }) };
  const flat = b.emit("ScatterElements", [zeros, b.reshape(positions, [count]), updates], zeros, attributes);
  return b.transpose(b.reshape(flat, images.shape), TO_NHWC);
}

/** Each element of a window gets its share of the gradient: a transposed convolution with a constant filter. */
function avgPoolGradient(b: GraphBuilder, dy: Value, info: PoolInfo): Value {
  const share = 1 / (info.filterHeight * info.filterWidth);
  const weights = b.expand(b.scalar(share), [info.inChannels, 1, info.filterHeight, info.filterWidth]);
  const result = convTranspose(b, b.transpose(dy, TO_NCHW), weights, info, info.inChannels);
  return b.transpose(result, TO_NHWC);
}

/** Pooling over NHWC images, and its gradients. */
export const POOLING: LoweringTable = {
  MaxPool: lowering<"x", tf.MaxPoolAttrs>((b, { x }, attributes) =>
    b.transpose(maxPool(b, b.transpose(x, TO_NCHW), infoOf(x.shape, attributes)).largest, TO_NHWC),
  ),
  MaxPoolGrad: lowering<"dy" | "input" | "output", tf.MaxPoolGradAttrs>((b, { dy, input }, attributes) =>
    maxPoolGradient(b, dy, input, infoOf(input.shape, attributes)),
  ),
  AvgPool: lowering<"x", tf.AvgPoolAttrs>((b, { x }, attributes) => {
    const info = infoOf(x.shape, attributes);
    const spec = { dtype: x.dtype, shape: pooledShape(info) };
    const pooled = b.emit("AveragePool", [b.transpose(x, TO_NCHW)], spec, poolAttributes(info));
    return b.transpose(pooled, TO_NHWC);
  }),
  AvgPoolGrad: lowering<"dy" | "input", tf.AvgPoolGradAttrs>((b, { dy, input }, attributes) =>
    avgPoolGradient(b, dy, infoOf(input.shape, attributes)),
  ),
};
