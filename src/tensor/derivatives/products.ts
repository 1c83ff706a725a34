import * as tf from "@tensorflow/tfjs-core";
import { defined, fromInputs, unbroadcast, type InputRule } from "./derivative.js";

/** Which operand is differentiated, and how the product of the gradient with the other one is to be formed. */
function factor(index: 0 | 1): InputRule {
  return (dy, inputs, { transposeA, transposeB }) => {
    const a = defined(inputs[0]);
    const b = defined(inputs[1]);
    const [ta, tb] = [transposeA === true, transposeB === true];
    // c = op(a)·op(b): the gradient of op(a) is dy·op(b)ᵀ, of op(b) it is op(a)ᵀ·dy; transposed when the operand was.
    const grad =
      index === 0
        ? ta
          ? tf.matMul(b, dy, tb, true)
          : tf.matMul(dy, b, false, !tb)
        : tb
          ? tf.matMul(dy, a, true, ta)
          : tf.matMul(a, dy, !ta, false);
    return unbroadcast(grad, (index === 0 ? a : b).shape);
  };
}

/** Derivatives of matrix products; batch axes that were broadcast are summed. */
export const PRODUCTS: readonly tf.GradConfig[] = [fromInputs(tf.BatchMatMul, { a: factor(0), b: factor(1) })];
