import * as tf from "@tensorflow/tfjs-core";
import { defined, fromInputs, fromList, unbroadcast, type InputRule } from "./derivative.js";

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

/** The gradient of an operand of "ab,bc->ac": the same equation with result and operand exchanged. */
function einsumGradients(equation: string, dy: tf.Tensor, operands: readonly tf.Tensor[]): tf.Tensor[] {
  const [left = "", result = ""] = equation.replaceAll(" ", "").split("->");
  const terms = left.split(",");
  return operands.map((operand, i) => {
    const others = operands.filter((_, j) => j !== i);
    const names = [result, ...terms.filter((_, j) => j !== i)];
    const letters = Array.from(terms[i] ?? "");
    // A letter that stands nowhere else was summed away: every element along it has the same gradient.
    const known = letters.filter((letter) => names.some((name) => name.includes(letter)));
    const grad = tf.einsum(`${names.join(",")}->${known.join("")}`, dy, ...others);
    const spread = operand.shape.map((size, axis) => (known.includes(letters[axis] ?? "") ? size : 1));
    return tf.mul(tf.ones(operand.shape), tf.reshape(grad, spread));
  });
}

/** Derivatives of matrix products; batch axes that were broadcast are summed. */
export const PRODUCTS: readonly tf.GradConfig[] = [
  fromInputs(tf.BatchMatMul, { a: factor(0), b: factor(1) }),
  fromList(tf.Einsum, (dy, operands, { equation }) => einsumGradients(String(equation), dy, operands)),
];
