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

/** Derivatives of kernels that look at images through windows: convolutions and pooling, channels last. */
export const WINDOWS: readonly tf.GradConfig[] = [
  fromInputs(tf.Conv2D, {
    x: (dy, [x, filter], attributes) =>
      run(
        tf.Conv2DBackpropInput,
        { dy, filter: defined(filter) },
        { ...undilated(attributes), inputShape: defined(x).shape },
      ),
    filter: (dy, [x, filter], attributes) =>
      run(
        tf.Conv2DBackpropFilter,
        { x: defined(x), dy },
        { ...undilated(attributes), filterShape: defined(filter).shape },
      ),
  }),
  fromInputs(tf.DepthwiseConv2dNative, {
    x: (dy, [x, filter], attributes) =>
      run(
        tf.DepthwiseConv2dNativeBackpropInput,
        { dy, filter: defined(filter) },
        { ...undilated(attributes), inputShape: defined(x).shape },
      ),
    filter: (dy, [x, filter], attributes) =>
      run(
        tf.DepthwiseConv2dNativeBackpropFilter,
        { x: defined(x), dy },
        { ...undilated(attributes), filterShape: defined(filter).shape },
      ),
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
