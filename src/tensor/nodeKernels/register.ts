import * as tf from "@tensorflow/tfjs-core";
import { CONVOLUTIONS } from "./convolution.js";
import type { NodeCall } from "./nodeKernel.js";
import { SHAPES } from "./shapes.js";

/** Put ltrain's own kernels in the place of tfjs-node's, once that is loaded. */
export function registerNodeKernels(backendName: string): void {
  for (const [kernelName, kernel] of Object.entries({ ...CONVOLUTIONS, ...SHAPES })) {
    tf.unregisterKernel(kernelName, backendName); // registering over it would print a warning
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: (call) => kernel(call as unknown as NodeCall),
    });
  }
}
