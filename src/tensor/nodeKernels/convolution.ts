import * as tf from "@tensorflow/tfjs-core";
import { attribute, inputOf, typeAttribute, type NodeCall, type NodeKernel } from "./nodeKernel.js";

type Shape4 = [number, number, number, number];
/** The ops that take the sizes of their result as a tensor, and where among their inputs. */
type Sizes = { readonly at: 0 | 1; readonly shape: readonly number[] } | null;

/** Convolutions with padding given by side: TensorFlow has it, and tfjs-node asks for it in the forward pass only. */
export const CONVOLUTIONS: Readonly<Record<string, NodeKernel>> = {
  Conv2D: (call) => {
    const [x, filter] = [inputOf(call, "x"), inputOf(call, "filter")];
    return run(call, "Conv2D", x.shape, filter.shape, [x, filter], null);
  },
  Conv2DBackpropInput: (call) => {
    const [dy, filter] = [inputOf(call, "dy"), inputOf(call, "filter")];
    const shape = call.attrs["inputShape"] as number[];
    return run(call, "Conv2DBackpropInput", shape, filter.shape, [filter, dy], { at: 0, shape });
  },
  Conv2DBackpropFilter: (call) => {
    const [x, dy] = [inputOf(call, "x"), inputOf(call, "dy")];
    const shape = call.attrs["filterShape"] as number[];
    return run(call, "Conv2DBackpropFilter", x.shape, shape, [x, dy], { at: 1, shape });
  },
  DepthwiseConv2dNative: (call) => {
    const [x, filter] = [inputOf(call, "x"), inputOf(call, "filter")];
    return run(call, "DepthwiseConv2dNative", x.shape, filter.shape, [x, filter], null);
  },
  DepthwiseConv2dNativeBackpropInput: (call) => {
    const [dy, filter] = [inputOf(call, "dy"), inputOf(call, "filter")];
    const shape = call.attrs["inputShape"] as number[];
    return run(call, "DepthwiseConv2dNativeBackpropInput", shape, filter.shape, [filter, dy], { at: 0, shape });
  },
  DepthwiseConv2dNativeBackpropFilter: (call) => {
    const [x, dy] = [inputOf(call, "x"), inputOf(call, "dy")];
    const shape = call.attrs["filterShape"] as number[];
    return run(call, "DepthwiseConv2dNativeBackpropFilter", x.shape, shape, [x, dy], { at: 1, shape });
  },
};

function run(
  { backend, attrs }: NodeCall,
  op: string,
  inputShape: readonly number[],
  filterShape: readonly number[],
  tensors: readonly tf.Tensor[],
  sizes: Sizes,
): tf.Tensor {
  const info = tf.backend_util.computeConv2DInfo(
    inputShape as Shape4,
    filterShape as Shape4,
    attrs["strides"] as [number, number],
    (attrs["dilations"] as [number, number] | undefined) ?? 1,
    attrs["pad"] as "valid" | "same" | number,
    attrs["dimRoundingMode"] as "floor" | undefined,
    op.startsWith("Depthwise"),
  );
  const { type, top, bottom, left, right } = info.padInfo;
  const attributes = [
    typeAttribute("T", "float32"),
    attribute("int", "strides", [1, info.strideHeight, info.strideWidth, 1]),
    attribute("int", "dilations", [1, info.dilationHeight, info.dilationWidth, 1]),
    attribute("string", "data_format", "NHWC"),
    attribute("string", "padding", type),
    ...(type === "EXPLICIT" ? [attribute("int", "explicit_paddings", [0, 0, top, bottom, left, right, 0, 0])] : []),
  ];
  if (sizes === null) return backend.executeSingleOutput(op, attributes, tensors);
  const shape = tf.tensor1d([...sizes.shape], "int32");
  const inputs = [...tensors.slice(0, sizes.at), shape, ...tensors.slice(sizes.at)];
  const result = backend.executeSingleOutput(op, attributes, inputs);
  shape.dispose();
  return result;
}
