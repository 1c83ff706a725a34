import { captureStep } from "../../../src/engine/capture.js";
import type { Graph, TensorSpec } from "../../../src/engine/graph.js";
import { fuseAttention } from "../../../src/engine/passes/attention.js";
import { simplify } from "../../../src/engine/passes/index.js";
import { functional as F } from "../../../src/nn/index.js";
import { tf } from "../../../src/tensor/tf.js";
import { expectSameAsEager, floats, type Formula } from "../compare.js";

type Options = Parameters<typeof F.multiHeadAttention>[4];

const attention =
  (heads: number, options: Options = {}): Formula =>
  ({ q, k, v }) =>
    F.multiHeadAttention(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor, heads, options);

/** The operators of a formula over [2, length, 12], after the pass. */
function operators(formula: Formula, length: number, keys = length): string[] {
  const spec = (size: number): TensorSpec => ({ dtype: "float32", shape: [2, size, 12] });
  const { graph } = captureStep((inputs) => ({ y: formula(inputs) }), {
    q: spec(length),
    k: spec(keys),
    v: spec(keys),
  });
  return namesOf(fuseAttention(simplify(graph)));
}
const namesOf = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);

test("attention whose weights nobody else needs is one kernel, without the transpositions of its heads", () => {
  expect(operators(attention(3), 5)).toEqual(["MultiHeadAttention"]);
  expect(operators(attention(3), 5, 7)).toEqual(["MultiHeadAttention"]);
  expect(operators(attention(4, { isCausal: true, scale: 0.3 }), 128)).toEqual(["MultiHeadAttention"]);
});

test("a short causal mask, another mask, and weights that are needed elsewhere keep the operators", () => {
  expect(operators(attention(3, { isCausal: true }), 64)).toContain("Softmax");
  const lopsided = tf.tensor(Float32Array.from({ length: 25 }, (_, i) => i), [5, 5]); // prettier-ignore
  expect(operators(attention(3, { mask: lopsided }), 5)).toContain("Softmax");
  const differentiated: Formula = ({ q, k, v }) =>
    tf.grad((x) => tf.sum(tf.square(attention(3)({ q: x, k: k as tf.Tensor, v: v as tf.Tensor }))))(q as tf.Tensor);
  expect(operators(differentiated, 5)).toContain("Softmax");
});

test.each([
  { batch: 2, length: 5, keys: 5, heads: 2, width: 3, causal: false },
  { batch: 1, length: 7, keys: 12, heads: 1, width: 16, causal: false },
  { batch: 3, length: 33, keys: 33, heads: 4, width: 8, causal: false },
  { batch: 2, length: 128, keys: 128, heads: 2, width: 8, causal: true },
  { batch: 1, length: 131, keys: 131, heads: 3, width: 5, causal: true },
])("$batch × $length over $keys, $heads heads of $width, causal $causal, agrees with eager tfjs", async (sizes) => {
  const { batch, length, keys, heads, width, causal } = sizes;
  const inputs = {
    q: floats([batch, length, heads * width], 1),
    k: floats([batch, keys, heads * width], 2),
    v: floats([batch, keys, heads * width], 3),
  };
  const formulas = {
    attention: attention(heads, { isCausal: causal }),
    scaled: attention(heads, { isCausal: causal, scale: 0.7 }),
  };
  await expectSameAsEager(formulas, inputs, { gradients: false });
});
