/** The one door to tfjs: every op, its derivative, and the plain CPU backend as the reference. */
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import "./cpuKernels/register.js";
import "./derivatives/register.js";

// Production mode only silences: tfjs greets on stderr from inside its first tensor, and a library does not print.
tf.enableProdMode();

export { tf };
export type { Tensor } from "@tensorflow/tfjs-core";
