/** The one door to tfjs: every op, with the plain CPU backend registered as the reference. */
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";

// Production mode only silences: tfjs greets on stderr from inside its first tensor, and a library does not print.
tf.enableProdMode();

export { tf };
export type { Tensor } from "@tensorflow/tfjs-core";
