import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { ARITHMETIC } from "./arithmetic.js";
import { CONVOLUTION } from "./convolution.js";
import type { CpuCall, CpuKernel } from "./cpuKernel.js";
import { matMul } from "./matMul.js";
import { SEGMENTS } from "./segments.js";
import { SUMS } from "./sums.js";

/** Kernels of ltrain's own on tfjs' CPU backend, where its own are many times slower than they need be. */
const KERNELS: Readonly<Record<string, CpuKernel>> = {
  ...ARITHMETIC,
  ...CONVOLUTION,
  ...SEGMENTS,
  ...SUMS,
  BatchMatMul: matMul,
};

for (const [kernelName, kernel] of Object.entries(KERNELS)) {
  const original = tf.getKernel(kernelName, "cpu").kernelFunc;
  tf.unregisterKernel(kernelName, "cpu"); // registering over it would print a warning
  tf.registerKernel({
    kernelName,
    backendName: "cpu",
    kernelFunc: (call) => kernel(call as unknown as CpuCall) ?? original(call),
  });
}
