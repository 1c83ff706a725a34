/** The one door to tfjs: every op, with the plain CPU backend registered as the reference. */
import "@tensorflow/tfjs-backend-cpu";

export * as tf from "@tensorflow/tfjs-core";
export type { Tensor } from "@tensorflow/tfjs-core";
