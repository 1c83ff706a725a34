import { LtrainError } from "../../src/errors.js";
import { ortExecutor } from "../../src/engine/ortExecutor.js";
import * as nn from "../../src/nn/index.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";

type Forward = (x: Tensor) => Tensor;

/** What real torch 2.13 refuses too (`nn.Linear(6, 2)(torch.zeros(2, 3, 4))`: "mat1 and mat2 shapes cannot be multiplied"). */
const LAYERS: readonly (readonly [string, readonly number[], nn.Layer | Forward, string])[] = [
  ["Linear", [4, 5], new nn.Linear(6, 2), "Linear takes [..., 6], got [4, 5]"],
  // 24 numbers are four rows of six, and a reshape would make them so.
  ["Linear over three axes", [2, 3, 4], new nn.Linear(6, 2), "Linear takes [..., 6], got [2, 3, 4]"],
  ["Conv2d", [1, 3, 2, 2], new nn.Conv2d(3, 4, 5), "filter of [5, 5] is larger than its padded input of [2, 2]"],
  ["MaxPool2d", [1, 3, 2, 2], new nn.MaxPool2d(5), "window of [5, 5] is larger than its padded input of [2, 2]"],
  ["BatchNorm1d", [2, 5], new nn.BatchNorm1d(6), "BatchNorm1d takes [N, 6, ...], got [2, 5]"],
  // One number would broadcast over all channels.
  ["BatchNorm1d of one", [2, 5], new nn.BatchNorm1d(1), "BatchNorm1d takes [N, 1, ...], got [2, 5]"],
  ["RMSNorm", [2, 1], new nn.RMSNorm(6), "rms_norm over [6] takes a tensor that ends in it, got [2, 1]"],
  ["LayerNorm", [2, 5], new nn.LayerNorm(6), "layer_norm over [6] takes a tensor that ends in it, got [2, 5]"],
  ["GroupNorm", [2, 4, 3], new nn.GroupNorm(2, 6), "group_norm takes [N, 6, ...], got [2, 4, 3]"],
];

test.each(LAYERS)("%s refuses what its weights do not fit, with both sizes", (_, shape, layer, message) => {
  const forward = typeof layer === "function" ? layer : (x: Tensor): Tensor => layer.forward(x);
  let thrown: unknown;
  tf.tidy(() => {
    try {
      forward(tf.zeros([...shape]));
    } catch (error) {
      thrown = error;
    }
  });
  expect(thrown).toBeInstanceOf(LtrainError);
  expect(thrown).toMatchObject({ code: "argument.invalid" });
  expect((thrown as LtrainError).message).toContain(message);
});

test.each([
  ["a convolution whose padding makes room", [1, 3, 2, 2], new nn.Conv2d(3, 4, 5, { padding: 2 }), [1, 4, 2, 2]],
  [
    "a pooling whose last window hangs over",
    [1, 3, 2, 2],
    new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
    [1, 3, 1, 1],
  ],
] as const)("%s is computed, in the shape that torch gives it", (_, shape, layer, expected) => {
  tf.tidy(() => {
    expect(layer.forward(tf.zeros([...shape])).shape).toEqual(expected);
  });
});

const OPS: readonly (readonly [string, Forward, string])[] = [
  ["matMul", (x) => tf.matMul(x, tf.zeros([5, 4])), "[3, 4] and [5, 4]: the inner sizes differ"],
  ["concat", (x) => tf.concat([x, tf.zeros([2, 5])], 0), "[3, 4] and [2, 5] along axis 0: another axis differs"],
  ["einsum", (x) => tf.einsum("ij,jk->ik", x, tf.zeros([5, 2])), "j is 4 in one and 5 in another"],
];

test.each(OPS)(
  "%s of sizes that do not go together is refused where it stands, not when the graph runs",
  async (_, op, message) => {
    const executor = await ortExecutor();
    const step = executor.compile(({ x }) => ({ y: op(x ?? tf.scalar(0)) }));
    const x = { dtype: "float32", shape: [3, 4], bytes: new Uint8Array(48) } as const;
    await expect(step.run({ x })).rejects.toThrow(message);
    await executor.dispose();
  },
);
