import fc from "fast-check";
import { tf } from "../../../src/tensor/tf.js";
import type { Formula } from "../compare.js";
import { booleans, expectSameAsEager, floats, integers } from "../compare.js";
import { runs } from "../target.js";

/** A shape and some of its axes. */
const reductions = fc
  .array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 })
  .chain((shape) =>
    fc.tuple(fc.constant(shape), fc.subarray([...shape.keys()]), fc.boolean(), fc.nat(shape.length - 1), fc.nat()),
  );
const RUNS = { numRuns: runs(8), seed: 2 };
const one =
  (f: (x: tf.Tensor) => tf.Tensor): Formula =>
  (inputs) =>
    f(inputs["x"] as tf.Tensor);

test("reductions over any axes, and their derivatives, agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(reductions, async ([shape, axes, keepDims, , seed]) => {
      const formulas: Record<string, Formula> = {
        sum: one((x) => tf.sum(x, axes, keepDims)),
        mean: one((x) => tf.mean(x, axes, keepDims)),
        max: one((x) => tf.max(x, axes, keepDims)),
        min: one((x) => tf.min(x, axes, keepDims)),
        sumAll: one((x) => tf.sum(x)),
        variance: one((x) => tf.moments(x, axes, keepDims).variance),
        logSumExp: one((x) => tf.logSumExp(x, axes, keepDims)),
        norm: one((x) => tf.norm(x)),
        softmax: one((x) => tf.softmax(x)),
        logSoftmax: one((x) => tf.logSoftmax(x)),
        // Along other axes tfjs' derivative of a running sum has the wrong shape.
        cumsum: one((x) => tf.cumsum(x, shape.length - 1)),
        cumsumBack: one((x) => tf.cumsum(x, shape.length - 1, true, true)),
      };
      await expectSameAsEager(formulas, { x: floats(shape, seed, 0.25, 2) });
    }),
    RUNS,
  );
});

test("counting, searching and sorting agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(reductions, async ([shape, axes, keepDims, axis, seed]) => {
      const last = shape.at(-1) ?? 1;
      const formulas: Record<string, Formula> = {
        prod: one((x) => tf.prod(x, axis, keepDims)),
        argMax: one((x) => tf.argMax(x, axis)),
        cumsum: one((x) => tf.cumsum(x, axis)),
        cumsumBack: one((x) => tf.cumsum(x, axis, true, true)),
        argMin: one((x) => tf.argMin(x, axis)),
        cumprod: one((x) => tf.cumprod(x, axis)),
        cumprodBack: one((x) => tf.cumprod(x, axis, true, true)),
        reverse: one((x) => tf.reverse(x, axes)),
        topkValues: one((x) => tf.topk(x, Math.min(2, last)).values),
        topkIndices: one((x) => tf.topk(x, Math.min(2, last)).indices),
      };
      const options = { gradients: false };
      await expectSameAsEager(formulas, { x: floats(shape, seed) }, options);
      const totals = {
        sum: one((x) => tf.sum(x, axes, keepDims)),
        max: one((x) => tf.max(x, axes, keepDims)),
        mean: one((x) => tf.mean(x, axes, keepDims)),
      };
      await expectSameAsEager(totals, { x: integers(shape, seed, -9, 9) }, options);
      const truths = {
        any: one((x) => tf.any(x, axes, keepDims)),
        all: one((x) => tf.all(x, axes, keepDims)),
        count: one((x) => tf.sum(x, axes, keepDims)),
      };
      await expectSameAsEager(truths, { x: booleans(shape, seed) }, options);
    }),
    RUNS,
  );
});
