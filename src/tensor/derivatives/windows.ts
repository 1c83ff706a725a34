import * as tf from "@tensorflow/tfjs-core";
import { defined, fromInputs, type Attributes } from "./derivative.js";

/** Run a kernel that tfjs has no function for. */
function run(kernelName: string, inputs: Readonly<Record<string, tf.Tensor>>, attributes: Attributes): tf.Tensor {
  return tf.engine().runKernel(kernelName, { ...inputs }, { ...attributes } as tf.NamedAttrMap);
}

/** The kernels for the gradients of a plain convolution know no dilation; a filter with zeros in its gaps does it. */
function undilated(attributes: Attributes): Attributes {
  const dilations = attributes["dilations"] as number | number[] | undefined;
  if (![dilations ?? 1].flat().every((dilation) => dilation === 1)) {
    throw new Error("the derivative of a dilated convolution is not known");
  }
  return attributes;
}

/** A convolution and its two gradients: all three are linear in both operands, and each is a derivative of another. */
interface ConvolutionKernels {
  readonly forward: string;
  readonly byInput: string;
  readonly byFilter: string;
}

/** The derivatives of a convolution, and those of its gradients, which transposed convolutions are. */
function convolution({ forward, byInput, byFilter }: ConvolutionKernels): tf.GradConfig[] {
  const result = (x: tf.Tensor, filter: tf.Tensor, attributes: Attributes): tf.Tensor =>
    run(forward, { x, filter }, undilated(attributes));
  const image = (dy: tf.Tensor, filter: tf.Tensor, x: tf.Tensor, attributes: Attributes): tf.Tensor =>
    run(byInput, { dy, filter }, { ...undilated(attributes), inputShape: x.shape });
  const weights = (x: tf.Tensor, dy: tf.Tensor, filter: tf.Tensor, attributes: Attributes): tf.Tensor =>
    run(byFilter, { x, dy }, { ...undilated(attributes), filterShape: filter.shape });
  return [
    fromInputs(forward, {
      x: (dy, [x, filter], attributes) => image(dy, defined(filter), defined(x), attributes),
      filter: (dy, [x, filter], attributes) => weights(defined(x), dy, defined(filter), attributes),
    }),
    fromInputs(byInput, {
      dy: (grad, [, filter], attributes) => result(grad, defined(filter), attributes),
      filter: (grad, [dy, filter], attributes) => weights(grad, defined(dy), defined(filter), attributes),
    }),
    fromInputs(byFilter, {
      x: (grad, [x, dy], attributes) => image(defined(dy), grad, defined(x), attributes),
      dy: (grad, [x], attributes) => result(defined(x), grad, attributes),
    }),
  ];
}

/** Derivatives of kernels that look at images through windows: convolutions and pooling, channels last. */
export const WINDOWS: readonly tf.GradConfig[] = [
  ...convolution({ forward: tf.Conv2D, byInput: tf.Conv2DBackpropInput, byFilter: tf.Conv2DBackpropFilter }),
  ...convolution({
    forward: tf.DepthwiseConv2dNative,
    byInput: tf.DepthwiseConv2dNativeBackpropInput,
    byFilter: tf.DepthwiseConv2dNativeBackpropFilter,
  }),
  {
    kernelName: tf.MaxPool,
    inputsToSave: ["x"],
    outputsToSave: [true],
    gradFunc: (dy, [input, output], attributes) => ({
      x: () => run(tf.MaxPoolGrad, { dy: dy as tf.Tensor, input: defined(input), output: defined(output) }, attributes),
    }),
  },
  fromInputs(tf.AvgPool, { x: (dy, [input], attributes) => averageGradient(dy, defined(input), attributes) }),
];

/**
 * A window that reaches over the edge averages what lies inside. Of the kernels for the gradient only TensorFlow's knows
 * that, so all are asked for windows that lie inside, of an image with its edge around it.
 */
function averageGradient(dy: tf.Tensor, input: tf.Tensor, attributes: Attributes): tf.Tensor {
  const { filterSize, strides, pad, dimRoundingMode } = attributes as unknown as tf.AvgPoolAttrs;
  const shape = input.shape as [number, number, number, number];
  const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { top, bottom, left, right } = info.padInfo;
  if (top + bottom + left + right === 0) return run(tf.AvgPoolGrad, { dy, input }, attributes);
  const rows = inside(info.outHeight, info.strideHeight, info.filterHeight, top, info.inHeight);
  const columns = inside(info.outWidth, info.strideWidth, info.filterWidth, left, info.inWidth);
  const weights = rows.flatMap((row) =>
    columns.map((column) => (info.filterHeight * info.filterWidth) / (row * column)),
  );
  const weighted = tf.mul(dy, tf.tensor(weights, [1, rows.length, columns.length, 1]));
  const framed = tf.pad(input, [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]);
  const valid = { ...attributes, pad: "valid", dimRoundingMode: "floor" };
  return tf.slice(run(tf.AvgPoolGrad, { dy: weighted, input: framed }, valid), [0, top, left, 0], shape);
}

/** How many places of each window along one axis lie inside the image. */
function inside(windows: number, stride: number, size: number, before: number, length: number): number[] {
  return Array.from({ length: windows }, (_, window) => {
    const start = window * stride - before;
    return Math.min(start + size, length) - Math.max(start, 0);
  });
}
