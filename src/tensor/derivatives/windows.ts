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
  fromInputs(tf.AvgPool, {
    x: (dy, [input], attributes) => run(tf.AvgPoolGrad, { dy, input: defined(input) }, attributes),
  }),
];
