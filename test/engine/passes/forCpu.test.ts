import { captureStep } from "../../../src/engine/capture.js";
import type { StepFunction } from "../../../src/engine/executor.js";
import type { TensorSpec } from "../../../src/engine/graph.js";
import { forCpu } from "../../../src/engine/passes/forCpu.js";
import { simplify } from "../../../src/engine/passes/index.js";
import { layerNorm } from "../../../src/nn/normalization.js";
import type { HostTensor } from "../../../src/storage/hostTensor.js";
import type { Tensor } from "../../../src/tensor/tf.js";
import { tf } from "../../../src/tensor/tf.js";
import { randomTensor } from "../autoencoder.js";
import type { Formula } from "../compare.js";
import { expectSameAsEager } from "../compare.js";

/** How often each operator is in the CPU's graph of some formulas and their gradients. */
function operators(formula: Formula, inputs: Readonly<Record<string, HostTensor>>): Record<string, number> {
  const specs = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]): [string, TensorSpec] => [name, { dtype: "float32", shape }]),
  );
  const step: StepFunction = (tensors) => {
    const names = Object.keys(tensors);
    const given = names.map((name) => tensors[name] as Tensor);
    const { value, grads } = tf.engine().gradients(() => tf.sum(tf.square(formula(tensors))), given);
    return { value, ...Object.fromEntries(names.map((name, i) => [`d${name}`, grads[i] as Tensor])) };
  };
  const counts: Record<string, number> = {};
  for (const { op } of forCpu(simplify(captureStep(step, specs).graph)).nodes) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}

const image = { x: randomTensor([2, 8, 8, 3], 1), w: randomTensor([3, 3, 3, 4], 2), b: randomTensor([4], 3) };

const FORMULAS: Readonly<Record<string, readonly [Formula, Readonly<Record<string, HostTensor>>, object]>> = {
  "a layer norm is one operator, whose scale the gradient uses again": [
    ({ x }) => layerNorm(x as Tensor),
    { x: randomTensor([4, 6, 16], 4) },
    { LayerNormalization: 1 },
  ],
  "windows apart from each other are pooled once, and their gradient is put back where they were largest": [
    ({ x }) => tf.maxPool(x as tf.Tensor4D, 2, 2, "valid"),
    { x: randomTensor([2, 9, 8, 3], 5) },
    { MaxPool: 1, MaxUnpool: 1 },
  ],
  "windows that overlap add their gradients up": [
    ({ x }) => tf.maxPool(x as tf.Tensor4D, 3, 2, "same"),
    { x: randomTensor([2, 9, 8, 3], 6) },
    { MaxPool: 1, ScatterElements: 1 },
  ],
  "a convolution takes its bias in": [
    ({ x, w, b }) => {
      const result = tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same");
      return tf.add(tf.transpose(result, [0, 3, 1, 2]), tf.reshape(b as Tensor, [4, 1, 1])); // as nn.Conv2d does
    },
    image,
    { Conv: 1 },
  ],
  "many rows are summed by a product with ones": [
    ({ x, b }) => tf.mul(tf.square(x as Tensor), b as Tensor),
    { x: randomTensor([16, 40, 128], 7, 0.1), b: randomTensor([128], 8) },
    { MatMul: 1 },
  ],
};

test.each(Object.keys(FORMULAS))("%s, and nothing else changes", async (name) => {
  const [formula, inputs, expected] = FORMULAS[name] as (typeof FORMULAS)[string];
  expect(operators(formula, inputs)).toMatchObject(expected);
  await expectSameAsEager({ formula }, inputs, { tolerance: { absolute: 1e-4, relative: 1e-4 } });
});

test("the sum that a convolution's bias is, and the walks of a layer norm, are gone", () => {
  const [conv, image] = FORMULAS["a convolution takes its bias in"] as (typeof FORMULAS)[string];
  expect(operators(conv, image)["Add"]).toBeUndefined();
  const [norm, rows] = Object.values(FORMULAS)[0] as (typeof FORMULAS)[string];
  expect(operators(norm, rows)["Sqrt"]).toBeUndefined();
});
