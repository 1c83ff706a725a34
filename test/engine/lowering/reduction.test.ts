import fc from "fast-check";
import { REDUCTION } from "../../../src/engine/lowering/reduction.js";
import { tf } from "../../../src/tensor/tf.js";
import type { Formula } from "../compare.js";
import { booleans, refusedByGraphModels, expectAllTried, expectSameAsEager, floats, integers } from "../compare.js";
import { runs, target } from "../target.js";

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
    fc.asyncProperty(reductions, async ([shape, axes, keepDims, axis, seed]) => {
      const last = shape.at(-1) ?? 1;
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
        cumsum: one((x) => tf.cumsum(x, axis)),
        cumsumBack: one((x) => tf.cumsum(x, axis, true, true)),
        prod: one((x) => tf.prod(x, axes, keepDims)),
        prodAll: one((x) => tf.prod(x)),
        cumprod: one((x) => tf.cumprod(x, axis)),
        cumprodExclusive: one((x) => tf.cumprod(x, axis, true)),
        cumprodBack: one((x) => tf.cumprod(x, axis, false, true)),
        cumprodExclusiveBack: one((x) => tf.cumprod(x, axis, true, true)),
        reverse: one((x) => tf.reverse(x, axes)),
        topk: one((x) => tf.topk(x, Math.min(2, last)).values),
        argMax: one((x) => tf.mul(tf.sum(x, axis), tf.cast(tf.argMax(x, axis), "float32"))),
        argMin: one((x) => tf.mul(tf.sum(x, axis), tf.cast(tf.argMin(x, axis), "float32"))),
        any: one((x) => tf.mul(x, tf.cast(tf.any(tf.greater(x, 1), axes, true), "float32"))),
        all: one((x) => tf.mul(x, tf.cast(tf.all(tf.greater(x, 0.5), axes, true), "float32"))),
      };
      await expectSameAsEager(formulas, { x: floats(shape, seed, 0.25, 2) });
      // A zero among the factors, which a derivative by division would not survive.
      const zeros = { prod: formulas["prod"] as Formula, cumprod: formulas["cumprod"] as Formula };
      const holed = Object.entries(zeros).map(([name, formula]): [string, Formula] => [
        name,
        ({ x, mask }) => formula({ x: tf.mul(x as tf.Tensor, tf.cast(mask as tf.Tensor, "float32")) }),
      ]);
      await expectSameAsEager(Object.fromEntries(holed), { x: floats(shape, seed), mask: booleans(shape, seed) });
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
        min: one((x) => tf.min(x, axes, keepDims)),
        argMax: one((x) => tf.argMax(x, axis)),
        argMin: one((x) => tf.argMin(x, axis)),
        cumsum: one((x) => tf.cumsum(x, axis)),
        cumsumBack: one((x) => tf.cumsum(x, axis, true, true)),
        cumprod: one((x) => tf.cumprod(x, axis)),
        cumprodBack: one((x) => tf.cumprod(x, axis, true, true)),
        reverse: one((x) => tf.reverse(x, axes)),
        topkValues: one((x) => tf.topk(x, Math.min(2, last)).values),
      };
      // Equal numbers may be found in any order, so positions are compared among different ones.
      const positions = { topkIndices: one((x) => tf.topk(x, Math.min(2, last)).indices) };
      const options = { gradients: false };
      await expectSameAsEager({ ...formulas, ...positions }, { x: floats(shape, seed) }, options);
      await expectSameAsEager(formulas, { x: integers(shape, seed, -3, 4) }, options);
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
        reverse: one((x) => tf.reverse(x, axes)),
        argMax: one((x) => tf.argMax(x, axis)),
      };
      await expectSameAsEager(truths, { x: booleans(shape, seed) }, options);
    }),
    RUNS,
  );
});

test("every kernel of this table has been compared", () => {
  expectAllTried(REDUCTION);
});

test("TensorFlow.js runs them as a graph model, but for what the export refuses", () => {
  if (target.kind === "cpu") expect([...refusedByGraphModels.keys()]).toEqual([]);
});
