import fc from "fast-check";
import { INDEXING } from "../../../src/engine/lowering/indexing.js";
import { LAYOUT } from "../../../src/engine/lowering/layout.js";
import { MATRIX } from "../../../src/engine/lowering/matrix.js";
import { tf } from "../../../src/tensor/tf.js";
import type { Formula } from "../compare.js";
import { booleans, refusedByGraphModels, expectAllTried, expectSameAsEager, floats, integers } from "../compare.js";
import { runs, target } from "../target.js";

const RUNS = { numRuns: runs(8), seed: 3 };
const one =
  (f: (x: tf.Tensor) => tf.Tensor): Formula =>
  (inputs) =>
    f(inputs["x"] as tf.Tensor);
const pair =
  (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Formula =>
  (inputs) =>
    f(inputs["a"] as tf.Tensor, inputs["b"] as tf.Tensor);
/** What counts by row takes a matrix, and is declared for vectors. */
const twoRows = (x: tf.Tensor): tf.Tensor1D => tf.stack([x, x]) as unknown as tf.Tensor1D;
const size = fc.integer({ min: 1, max: 6 });

test("matrix products with every transposition, and their derivatives, agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(size, size, size, fc.array(size, { maxLength: 2 }), fc.nat(), async (m, k, n, batch, seed) => {
      for (const [ta, tb] of [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ] as const) {
        const a = floats([...batch, ...(ta ? [k, m] : [m, k])], seed);
        const b = floats([...batch, ...(tb ? [n, k] : [k, n])], seed + 1);
        await expectSameAsEager({ matMul: pair((x, y) => tf.matMul(x, y, ta, tb)) }, { a, b });
      }
      const linear: Formula = ({ a, b, c }) =>
        tf.relu(tf.add(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, false, true), c as tf.Tensor));
      const fused: Formula = ({ a, b, c }) =>
        tf.fused.matMul({
          a: a as tf.Tensor2D,
          b: b as tf.Tensor2D,
          transposeB: true,
          bias: c as tf.Tensor,
          activation: "relu",
        });
      const inputs = { a: floats([m, k], seed), b: floats([n, k], seed + 1), c: floats([n], seed + 2) };
      await expectSameAsEager({ linear, fused }, inputs);
    }),
    { numRuns: runs(5), seed: 3 },
  );
});

test("shapes, slices, joins and copies, and their derivatives, agree with eager tfjs", async () => {
  const shapes = fc.array(fc.integer({ min: 2, max: 5 }), { minLength: 2, maxLength: 4 });
  const cases = shapes.chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.shuffledSubarray([...shape.keys()], { minLength: shape.length, maxLength: shape.length }),
      fc.nat(shape.length - 1),
      fc.nat(),
    ),
  );
  await fc.assert(
    fc.asyncProperty(cases, async ([shape, perm, axis, seed]) => {
      const begin = shape.map((length) => seed % length);
      const lengths = shape.map((length, i) => length - (begin[i] ?? 0));
      const pads = shape.map((_, i): [number, number] => [(seed + i) % 2, (seed + i) % 3]);
      const formulas: Record<string, Formula> = {
        reshape: one((x) => tf.reshape(x, [-1, shape[0] ?? 1])),
        transpose: one((x) => tf.transpose(x, perm)),
        twice: one((x) => tf.transpose(tf.relu(tf.transpose(x, perm)), perm)),
        slice: one((x) => tf.slice(x, begin, lengths)),
        sliceFront: one((x) => tf.slice(x, 0, 1)),
        oneOfOne: one((x) => tf.stack(tf.unstack(tf.split(tf.expandDims(x, 0), 1, 0)[0] ?? x, 0), 0)),
        strided: one((x) => tf.sum(tf.slice(tf.reverse(x, axis), begin, lengths), axis)),
        expandDims: one((x) => tf.expandDims(x, axis)),
        tile: one((x) =>
          tf.tile(
            x,
            shape.map((_, i) => (i === axis ? 2 : 1)),
          ),
        ),
        broadcastTo: one((x) => tf.broadcastTo(tf.mean(x, axis, true), shape)),
        pad: one((x) => tf.pad(x, pads, 0.5)),
        reverse: one((x) => tf.reverse(x, axis)),
        stack: one((x) => tf.stack([x, tf.mul(x, 2)], axis)),
        concat: one((x) => tf.concat([x, tf.neg(x), tf.ones(shape)], axis)),
        unstack: one((x) => tf.unstack(x, axis)[1] ?? x),
        split: one((x) => tf.split(x, [1, (shape[axis] ?? 2) - 1], axis)[1] ?? x),
        mirror: one((x) =>
          tf.mirrorPad(
            x,
            shape.map(() => [1, 1] as [number, number]),
            "symmetric",
          ),
        ),
        clone: one((x) => tf.clone(x)),
        reflect: one((x) =>
          tf.mirrorPad(
            x,
            shape.map(() => [1, 0] as [number, number]),
            "reflect",
          ),
        ),
        stridedSlice: one((x) => tf.stridedSlice(x, [-1], [-100], [-1])),
        everySecond: one((x) =>
          tf.stridedSlice(
            x,
            shape.map((_, i) => i % 2),
            shape,
            shape.map((_, i) => 1 + ((seed + i) % 3)),
          ),
        ),
        backwards: one((x) =>
          tf.stridedSlice(
            x,
            shape.map((length) => length - 1),
            shape.map((length) => -length - 1),
            shape.map((_, i) => -1 - ((seed + i) % 2)),
          ),
        ),
        zeros: one((x) => tf.add(x, tf.zerosLike(x))),
        ones: one((x) => tf.mul(x, tf.add(tf.onesLike(x), tf.fill(shape, 3)))),
        diag: one((x) => tf.diag(tf.reshape(x, [-1]))),
        outer: one((x) => tf.einsum("i,j->ij", tf.reshape(x, [-1]), tf.reshape(x, [-1]))),
        range: one((x) => tf.add(tf.range(0, shape.at(-1) ?? 1), x)),
        linspace: one((x) => tf.add(tf.linspace(0, 1, shape.at(-1) ?? 1), x)),
      };
      await expectSameAsEager(formulas, { x: floats(shape, seed) });
      // Numbers of other types move in the same way; sums and products have no bool.
      const moving = Object.keys(formulas).filter(
        (name) => !/mean|broadcastTo|twice|stack|concat|outer|ones|range|linspace|zeros|strided$/.test(name),
      );
      const moved = Object.fromEntries(moving.map((name) => [name, formulas[name] as Formula]));
      await expectSameAsEager(moved, { x: integers(shape, seed, -9, 9) }, { gradients: false });
      const flags = Object.fromEntries(Object.entries(moved).filter(([name]) => name !== "pad" && name !== "diag"));
      await expectSameAsEager(flags, { x: booleans(shape, seed) }, { gradients: false });
    }),
    RUNS,
  );
});

test("picking and putting by index, and their derivatives, agree with eager tfjs", async () => {
  const cases = fc.tuple(size, size, fc.integer({ min: 2, max: 6 }), fc.integer({ min: 1, max: 9 }), fc.nat());
  await fc.assert(
    fc.asyncProperty(cases, async ([rows, width, depth, count, seed]) => {
      const i = "indices";
      const formulas: Record<string, Formula> = {
        gatherRows: ({ x, [i]: at }) => tf.gather(x as tf.Tensor, at as tf.Tensor1D),
        gatherMatrix: ({ x, [i]: at }) =>
          tf.gather(x as tf.Tensor, tf.reshape(tf.concat([at as tf.Tensor, at as tf.Tensor]), [2, count])),
        gatherColumns: ({ y, [i]: at }) => tf.gather(y as tf.Tensor, at as tf.Tensor1D, 1),
        segments: ({ u, [i]: at }) => tf.unsortedSegmentSum(u as tf.Tensor, at as tf.Tensor1D, depth),
      };
      const inputs = {
        x: floats([depth, width], seed),
        y: floats([rows, depth], seed + 1),
        u: floats([count, width], seed + 2),
        indices: integers([count], seed + 3, 0, depth),
      };
      Object.assign(formulas, {
        oneHot: ({ u, [i]: at }) =>
          tf.mul(tf.sum(u as tf.Tensor), tf.oneHot(at as tf.Tensor1D, depth, 2, -1, "float32")),
        scatterNd: ({ u, [i]: at }) =>
          tf.scatterND(tf.reshape(at as tf.Tensor, [count, 1]), u as tf.Tensor, [depth, width]),
        gatherNd: ({ y, [i]: at }) =>
          tf.gatherND(tf.transpose(y as tf.Tensor), tf.reshape(at as tf.Tensor, [count, 1])),
        gatherPairs: ({ x, [i]: at }) =>
          tf.gatherND(x as tf.Tensor, tf.stack([at as tf.Tensor, tf.zerosLike(at as tf.Tensor)], 1)),
        update: ({ x, u, [i]: at }) =>
          // One place, since which of two updates of one place is kept is nobody's promise.
          tf.tensorScatterUpdate(
            x as tf.Tensor,
            tf.reshape(tf.slice(at as tf.Tensor, [0], [1]), [1, 1]),
            tf.slice(u as tf.Tensor, [0, 0], [1, width]),
          ),
        manyRows: ({ u, [i]: at }) => tf.unsortedSegmentSum(u as tf.Tensor, at as tf.Tensor1D, 600),
        batched: ({ y, [i]: at }) =>
          tf.gather(y as tf.Tensor, tf.tile(tf.reshape(at as tf.Tensor, [1, count]), [rows, 1]), 1, 1),
      } satisfies Record<string, Formula>);
      await expectSameAsEager(formulas, inputs);
      const counts: Record<string, Formula> = {
        bincount: ({ v, [i]: at }) => tf.denseBincount(at as tf.Tensor1D, v as tf.Tensor1D, depth),
        bincountRows: ({ [i]: at }) => tf.denseBincount(twoRows(at as tf.Tensor), tf.tensor1d([]), depth),
        present: ({ [i]: at }) => tf.denseBincount(twoRows(at as tf.Tensor), tf.tensor1d([]), depth, true),
      };
      const places: Record<string, Formula> = {
        whole: ({ z, [i]: at }) => tf.gather(z as tf.Tensor, at as tf.Tensor1D),
        flags: ({ z, [i]: at }) => tf.gather(tf.cast(z as tf.Tensor, "bool"), at as tf.Tensor1D),
        scatterWhole: ({ z }) => tf.scatterND([[1], [0]], tf.slice(z as tf.Tensor, 0, 2), [3, width]),
      };
      const numbers = { ...inputs, v: floats([count], seed + 4), z: integers([depth, width], seed, -9, 9) };
      await expectSameAsEager(places, numbers, { gradients: false });
      await expectSameAsEager(counts, numbers, { gradients: false, onTensorflow: false }); // tfjs-node has none of them
    }),
    RUNS,
  );
});

test("sums over indices, and their derivatives, agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(size, size, size, size, fc.nat(), async (batch, m, k, n, seed) => {
      const formulas: Record<string, Formula> = {
        product: pair((a, b) => tf.einsum("bij,bjk->bik", a, b)),
        turned: pair((a, b) => tf.einsum("bij,bjk->kib", a, b)),
        rows: pair((a) => tf.einsum("bij,bij->bi", a, tf.mul(a, 2))),
        total: pair((a) => tf.einsum("bij->j", a)),
      };
      await expectSameAsEager(formulas, { a: floats([batch, m, k], seed), b: floats([batch, k, n], seed + 1) });
    }),
    { numRuns: runs(5), seed: 3 },
  );
});

test("every kernel of these tables has been compared", () => {
  expectAllTried({ ...MATRIX, ...LAYOUT, ...INDEXING });
});

test("TensorFlow.js runs them as a graph model, but for what the export refuses", () => {
  // What adds by index, beyond the rows that a product with a one-hot matrix is for.
  if (target.kind === "cpu") expect([...refusedByGraphModels.keys()]).toEqual(["manyRows", "scatterWhole"]);
});
