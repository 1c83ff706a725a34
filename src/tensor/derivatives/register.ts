import * as tf from "@tensorflow/tfjs-core";
import { ELEMENTWISE } from "./elementwise.js";
import { INDEXING } from "./indexing.js";
import { NORMS } from "./norms.js";
import { PRODUCTS } from "./products.js";
import { REDUCTIONS } from "./reductions.js";
import { SHAPES } from "./shapes.js";
import { WINDOWS } from "./windows.js";

/**
 * tfjs-core in Node comes with the tape and without the derivatives: those lie in the union package, together with
 * layers, converters and browser backends. These are ltrain's own, with torch's rules where tfjs has others.
 */
export function registerDerivatives(): void {
  const derivatives = [...ELEMENTWISE, ...INDEXING, ...NORMS, ...PRODUCTS, ...REDUCTIONS, ...SHAPES, ...WINDOWS];
  for (const derivative of derivatives) tf.registerGradient(derivative);
}

registerDerivatives();
