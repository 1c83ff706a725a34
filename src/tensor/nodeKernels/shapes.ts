import * as tf from "@tensorflow/tfjs-core";
import { attribute, inputOf, typeAttribute, type NodeKernel } from "./nodeKernel.js";

/** Kernels whose ops tfjs-node asks for in a way that only runs by itself: in a graph every type must be said, and right. */
export const SHAPES: Readonly<Record<string, NodeKernel>> = {
  ExpandDims: (call) => {
    const input = inputOf(call, "input");
    const dim = tf.scalar(call.attrs["dim"] as number, "int32");
    const types = [typeAttribute("T", input.dtype), typeAttribute("Tdim", "int32")];
    const result = call.backend.executeSingleOutput("ExpandDims", types, [input, dim]);
    dim.dispose();
    return result;
  },

  // tfjs-node brings the indices to the host to look at them: a device would be waited for in every step.
  GatherV2: (call) => {
    const [x, indices] = [inputOf(call, "x"), inputOf(call, "indices")];
    const axis = tf.scalar(call.attrs["axis"] as number, "int32");
    const attributes = [
      attribute("int", "batch_dims", (call.attrs["batchDims"] as number | undefined) ?? 0),
      typeAttribute("Tparams", x.dtype),
      typeAttribute("Tindices", "int32"),
      typeAttribute("Taxis", "int32"),
    ];
    const result = call.backend.executeSingleOutput("GatherV2", attributes, [x, indices, axis]);
    axis.dispose();
    return result;
  },

  Mean: (call) => {
    const x = inputOf(call, "x");
    const floats = tf.cast(x, "float32");
    const axes = tf.tensor1d(tf.util.parseAxisParam(call.attrs["axis"] as number[], x.shape), "int32");
    const attributes = [
      attribute("bool", "keep_dims", call.attrs["keepDims"] === true),
      typeAttribute("T", "float32"),
      typeAttribute("Tidx", "int32"),
    ];
    const result = call.backend.executeSingleOutput("Mean", attributes, [floats, axes]);
    floats.dispose();
    axes.dispose();
    return result;
  },
};
