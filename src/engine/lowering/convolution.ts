import { LtrainError } from "../../errors.js";
import { tf } from "../../tensor/tf.js";
import { userLine } from "../callSite.js";
import type { Attributes, Value } from "../graph.js";
import { int, ints } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { fusedActivation } from "./activation.js";
import type { LoweringTable } from "./lowering.js";
import { lowering } from "./lowering.js";
import { matMul } from "./matrix.js";
import { add, concat, mul, pad, reduce, slice } from "./operators.js";

type Conv2DInfo = tf.backend_util.Conv2DInfo;
type Shape4D = [number, number, number, number];

/** NHWC to NCHW and back; HWIO to OIHW and back. */
export const TO_NCHW = [0, 3, 1, 2];
export const TO_NHWC = [0, 2, 3, 1];
const TO_OIHW = [3, 2, 0, 1];

interface ConvAttrs {
  readonly strides: [number, number] | number;
  readonly pad: "valid" | "same" | number | tf.backend_util.ExplicitPadding;
  readonly dataFormat?: "NHWC" | "NCHW";
  readonly dilations?: [number, number] | number;
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

/** A number of pixels as the padding of each side: tfjs counts a number wrong where the filter is not square. */
export function explicitPad<Pad>(pad: Pad | number): Pad | tf.backend_util.ExplicitPadding {
  return typeof pad === "number"
    ? [
        [0, 0],
        [pad, pad],
        [pad, pad],
        [0, 0],
      ]
    : pad;
}

/** What tfjs makes of strides, padding and dilation. */
function infoOf(
  input: readonly number[],
  filter: readonly number[],
  attributes: ConvAttrs,
  depthwise: boolean,
): Conv2DInfo {
  const { strides, pad: padding, dilations = 1, dimRoundingMode, dataFormat } = attributes;
  if (dataFormat === "NCHW") {
    throw new LtrainError("engine.unsupported", `a convolution in NCHW, used at ${userLine()}`, {
      hint: "transpose to NHWC before it: in the graph the transposes cancel",
    });
  }
  return tf.backend_util.computeConv2DInfo(
    [...input] as Shape4D,
    [...filter] as Shape4D,
    strides,
    dilations,
    explicitPad(padding),
    dimRoundingMode,
    depthwise,
  );
}

/** Strides, padding and dilation as ONNX takes them. */
function windowAttributes(info: Conv2DInfo): Attributes {
  const { top, bottom, left, right } = info.padInfo;
  return {
    strides: ints([info.strideHeight, info.strideWidth]),
    pads: ints([top, left, bottom, right]),
    dilations: ints([info.dilationHeight, info.dilationWidth]),
  };
}

/** What a transposed convolution must add at the far side to give back the size that the convolution saw. */
function outputPadding(info: Conv2DInfo): number[] {
  const { top, bottom, left, right } = info.padInfo;
  const reach = (out: number, stride: number, effective: number): number => (out - 1) * stride + effective;
  return [
    info.inHeight + top + bottom - reach(info.outHeight, info.strideHeight, info.effectiveFilterHeight),
    info.inWidth + left + right - reach(info.outWidth, info.strideWidth, info.effectiveFilterWidth),
  ];
}

/** A convolution over NCHW with OIHW weights. */
function conv(b: GraphBuilder, x: Value, weights: Value, info: Conv2DInfo, groups: number): Value {
  const shape = [info.batchSize, weights.shape[0] ?? 1, info.outHeight, info.outWidth];
  const attributes = { ...windowAttributes(info), group: int(groups) };
  return b.emit("Conv", [x, weights], { dtype: x.dtype, shape }, attributes);
}

/** What a convolution's gradient by its input is: the transposed convolution of the gradient. */
export function convTranspose(b: GraphBuilder, dy: Value, weights: Value, info: Conv2DInfo, groups: number): Value {
  const shape = [info.batchSize, info.inChannels, info.inHeight, info.inWidth];
  const padding = outputPadding(info);
  // A row that no window reached has no gradient; ONNX lets the far side grow by less than a stride only.
  const [high = 0, wide = 0] = padding;
  const reached = [Math.min(high, info.strideHeight - 1), Math.min(wide, info.strideWidth - 1)];
  const [height = 0, width = 0] = reached;
  const short = [high - height, wide - width];
  const attributes = { ...windowAttributes(info), group: int(groups), output_padding: ints(reached) };
  const small = [shape[0] ?? 1, shape[1] ?? 1, info.inHeight - (short[0] ?? 0), info.inWidth - (short[1] ?? 0)];
  const result = b.emit("ConvTranspose", [dy, weights], { dtype: dy.dtype, shape: small }, attributes);
  return pad(
    b,
    result,
    [
      [0, 0],
      [0, 0],
      [0, short[0] ?? 0],
      [0, short[1] ?? 0],
    ],
    0,
  );
}

/** The windows that each place of the filter saw: one [N, H', W', C] for each of its places. */
function windows(b: GraphBuilder, x: Value, info: Conv2DInfo): Value[] {
  const { top, bottom, left, right } = info.padInfo;
  const padded = pad(
    b,
    x,
    [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
    0,
  );
  const size = [info.outHeight, info.outWidth];
  const step = [info.strideHeight, info.strideWidth];
  const parts: Value[] = [];
  for (let row = 0; row < info.filterHeight; row += 1) {
    for (let column = 0; column < info.filterWidth; column += 1) {
      const begin = [row * info.dilationHeight, column * info.dilationWidth];
      parts.push(slice(b, padded, [1, 2], begin, size, step));
    }
  }
  return parts;
}

/** From this many channels on, a product for each place of the filter is faster than copying its windows side by side. */
const WIDE = 16;

/**
 * The gradient by the filter: the gradient, one row for each of its channels, times the windows. The row-wise gradient
 * is the left operand, since ONNX Runtime's products over a transposed left operand are slow where it is long.
 */
function filterGradient(b: GraphBuilder, x: Value, dy: Value, info: Conv2DInfo): Value {
  const { filterHeight, filterWidth, inChannels, outChannels } = info;
  const rows = info.batchSize * info.outHeight * info.outWidth;
  const gradient = b.reshape(b.transpose(dy, [3, 0, 1, 2]), [outChannels, rows]);
  const seen = windows(b, x, info);
  if (inChannels >= WIDE) {
    const products = seen.map((window) => matMul(b, gradient, b.reshape(window, [rows, inChannels]), false, false));
    const stacked = b.reshape(concat(b, products, 0), [filterHeight, filterWidth, outChannels, inChannels]);
    return b.transpose(stacked, [0, 1, 3, 2]);
  }
  const columns = b.reshape(concat(b, seen, 3), [rows, filterHeight * filterWidth * inChannels]);
  const product = b.transpose(matMul(b, gradient, columns, false, false), [1, 0]);
  return b.reshape(product, [filterHeight, filterWidth, inChannels, outChannels]);
}

/** HWCM weights of a depthwise convolution as ONNX groups them: [C·M, 1, H, W]. */
function depthwiseWeights(b: GraphBuilder, filter: Value): Value {
  const [height = 1, width = 1, channels = 1, multiplier = 1] = filter.shape;
  return b.reshape(b.transpose(filter, [2, 3, 0, 1]), [channels * multiplier, 1, height, width]);
}

/** The gradient by a depthwise filter: each place's window times the gradient, summed over batch and image. */
function depthwiseFilterGradient(b: GraphBuilder, x: Value, dy: Value, info: Conv2DInfo, multiplier: number): Value {
  const { batchSize, outHeight, outWidth, inChannels, filterHeight, filterWidth } = info;
  const grouped = b.reshape(dy, [batchSize, outHeight, outWidth, inChannels, multiplier]);
  const parts = windows(b, x, info).map((window) => {
    const column = b.reshape(window, [batchSize, outHeight, outWidth, inChannels, 1]);
    return b.reshape(reduce(b, "ReduceSum", mul(b, column, grouped), [0, 1, 2], false), [1, inChannels, multiplier]);
  });
  return b.reshape(concat(b, parts, 0), [filterHeight, filterWidth, inChannels, multiplier]);
}

function conv2d(b: GraphBuilder, x: Value, filter: Value, attributes: ConvAttrs): Value {
  const info = infoOf(x.shape, filter.shape, attributes, false);
  const result = conv(b, b.transpose(x, TO_NCHW), b.transpose(filter, TO_OIHW), info, 1);
  return b.transpose(result, TO_NHWC);
}

function depthwise(b: GraphBuilder, x: Value, filter: Value, attributes: ConvAttrs): Value {
  const info = infoOf(x.shape, filter.shape, attributes, true);
  const result = conv(b, b.transpose(x, TO_NCHW), depthwiseWeights(b, filter), info, info.inChannels);
  return b.transpose(result, TO_NHWC);
}

/** A convolution with its bias and activation, as tfjs fuses them. */
function fused(convolve: typeof conv2d) {
  return lowering<"x" | "filter", tf.FusedConv2DAttrs>((b, inputs, attributes) => {
    const { bias, preluActivationWeights } = inputs as Partial<Record<"bias" | "preluActivationWeights", Value>>;
    const result = convolve(b, inputs.x, inputs.filter, attributes);
    const sum = bias === undefined ? result : add(b, result, bias);
    return fusedActivation(b, sum, attributes.activation, preluActivationWeights, attributes.leakyreluAlpha);
  });
}

/** Convolutions over NHWC images with HWIO filters, and their gradients. */
export const CONVOLUTION: LoweringTable = {
  Conv2D: lowering<"x" | "filter", tf.Conv2DAttrs>((b, { x, filter }, attributes) => conv2d(b, x, filter, attributes)),
  Conv2DBackpropInput: lowering<"dy" | "filter", tf.Conv2DBackpropInputAttrs>((b, { dy, filter }, attributes) => {
    const info = infoOf(attributes.inputShape, filter.shape, attributes, false);
    const result = convTranspose(b, b.transpose(dy, TO_NCHW), b.transpose(filter, TO_OIHW), info, 1);
    return b.transpose(result, TO_NHWC);
  }),
  Conv2DBackpropFilter: lowering<"x" | "dy", tf.Conv2DBackpropFilterAttrs>((b, { x, dy }, attributes) =>
    filterGradient(b, x, dy, infoOf(x.shape, attributes.filterShape, attributes, false)),
  ),
  DepthwiseConv2dNative: lowering<"x" | "filter", tf.DepthwiseConv2dNativeAttrs>((b, { x, filter }, attributes) =>
    depthwise(b, x, filter, attributes),
  ),
  DepthwiseConv2dNativeBackpropInput: lowering<"dy" | "filter", tf.DepthwiseConv2dNativeBackpropInputAttrs>(
    (b, { dy, filter }, attributes) => {
      const info = infoOf(attributes.inputShape, filter.shape, attributes, true);
      const result = convTranspose(b, b.transpose(dy, TO_NCHW), depthwiseWeights(b, filter), info, info.inChannels);
      return b.transpose(result, TO_NHWC);
    },
  ),
  DepthwiseConv2dNativeBackpropFilter: lowering<"x" | "dy", tf.DepthwiseConv2dNativeBackpropFilterAttrs>(
    (b, { x, dy }, attributes) => {
      const info = infoOf(x.shape, attributes.filterShape, attributes, true);
      return depthwiseFilterGradient(b, x, dy, info, attributes.filterShape[3]);
    },
  ),
  FusedConv2D: fused(conv2d),
  FusedDepthwiseConv2D: fused(depthwise),
};
