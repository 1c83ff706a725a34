import * as fc from "fast-check";
import { tf, type Tensor } from "../../src/tensor/tf.js";

const size = fc.integer({ min: 1, max: 13 });
const random = (shape: number[], seed: number): Tensor => tf.randomNormal(shape, 0, 1, "float32", seed);

function expectSame(actual: Tensor, expected: Tensor, tolerance: number): void {
  expect(actual.shape).toEqual(expected.shape);
  expect(actual.dtype).toBe("float32");
  const [a, b] = [actual.dataSync(), expected.dataSync()];
  b.forEach((value, i) => {
    expect(Math.abs((a[i] ?? NaN) - value)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(value)));
  });
}

/** A product by the definition, one multiplication at a time with tfjs' broadcasting sum over the inner axis. */
function slowMatMul(a: Tensor, b: Tensor): Tensor {
  return tf.sum(tf.mul(tf.expandDims(a, -1), tf.expandDims(b, -3)), -2);
}

test("a matrix product is the sum over the inner axis, for any sizes and transposes", () => {
  fc.assert(
    fc.property(size, size, size, fc.boolean(), fc.boolean(), fc.integer(), (m, n, k, ta, tb, seed) => {
      tf.tidy(() => {
        const a = random([m, k], seed);
        const b = random([k, n], seed + 1);
        const left = ta ? tf.transpose(a) : a;
        const right = tb ? tf.transpose(b) : b;
        expectSame(tf.matMul(left, right, ta, tb), slowMatMul(a, b), 1e-5);
      });
    }),
    { numRuns: 60 },
  );
});

test.each([
  [
    [3, 5, 4],
    [3, 4, 6],
  ],
  [
    [1, 5, 4],
    [3, 4, 6],
  ],
  [
    [3, 5, 4],
    [4, 6],
  ],
  [
    [5, 4],
    [3, 4, 6],
  ],
  [
    [2, 3, 5, 4],
    [2, 3, 4, 2],
  ],
])("stacks %p and %p are multiplied one by one", (a, b) => {
  tf.tidy(() => {
    const [x, y] = [random(a, 1), random(b, 2)];
    expectSame(tf.matMul(x, y), slowMatMul(x, y), 1e-5);
  });
});

test("sizes that do not fit are refused by tfjs' own message", () => {
  expect(() => tf.matMul(tf.zeros([2, 3]), tf.zeros([2, 3]))).toThrow("inner shapes");
});

const OPERATIONS: readonly [string, (a: Tensor, b: Tensor) => Tensor, (a: number, b: number) => number][] = [
  ["add", tf.add, (a, b) => a + b],
  ["sub", tf.sub, (a, b) => a - b],
  ["mul", tf.mul, (a, b) => a * b],
  ["div", tf.div, (a, b) => a / b],
];

describe.each(OPERATIONS)("%s", (_name, op, scalar) => {
  test.each([
    [
      [2, 3],
      [2, 3],
    ],
    [[2, 3], []],
    [[], [2, 3]],
    [
      [2, 3],
      [1, 1],
    ],
    [[1], [2, 3]],
    [
      [2, 3],
      [1, 1, 1],
    ],
    [[4, 2, 3], [3]],
    [[3], [2, 3]],
    [
      [2, 1],
      [1, 3],
    ],
    [[0, 3], [3]],
  ])("of %p and %p is each pair's result, rounded once", (left, right) => {
    tf.tidy(() => {
      const [a, b] = [random(left, 3), random(right, 4)];
      const result = op(a, b);
      const [wideA, wideB] = [tf.tile(a, repeats(a, result)), tf.tile(b, repeats(b, result))];
      const [x, y] = [wideA.dataSync(), wideB.dataSync()];
      expect(result.shape).toEqual(tf.broadcast_util.assertAndGetBroadcastShape(left, right));
      expect([...result.dataSync()]).toEqual(Array.from(x, (value, i) => Math.fround(scalar(value, y[i] ?? NaN))));
    });
  });
});

/** How often a tensor of fewer or shorter axes repeats in the result. */
function repeats(tensor: Tensor, result: Tensor): number[] {
  const missing = result.rank - tensor.rank;
  if (missing > 0) tensor.shape.unshift(...new Array<number>(missing).fill(1));
  return result.shape.map((length, axis) => (tensor.shape[axis] === 1 ? length : 1));
}

test("integers are added as integers", () => {
  const sum = tf.add(tf.tensor1d([2 ** 24, 1], "int32"), tf.scalar(1, "int32"));
  expect(sum.dtype).toBe("int32");
  expect([...sum.dataSync()]).toEqual([2 ** 24 + 1, 2]);
});

test.each([
  ["all", undefined, false, [], [66]],
  ["the first", 0, false, [2, 3], [6, 8, 10, 12, 14, 16]],
  ["the first, kept", 0, true, [1, 2, 3], [6, 8, 10, 12, 14, 16]],
  ["the first two", [0, 1], false, [3], [18, 22, 26]],
  ["the last", 2, false, [2, 2], [3, 12, 21, 30]],
] as const)("a sum over %s of the axes", (_name, axis, keepDims, shape, expected) => {
  const x = tf.reshape(tf.range(0, 12), [2, 2, 3]); // 0 … 11
  const axes = typeof axis === "object" ? [...axis] : axis;
  const sum = tf.sum(x, axes, keepDims);
  expect(sum.shape).toEqual(shape);
  expect([...sum.dataSync()]).toEqual(expected);
  const count = 12 / expected.length;
  expect([...tf.mean(x, axes, keepDims).dataSync()]).toEqual(expected.map((value) => value / count));
});

test("a scatter update leaves the tensor that it is given as it was", () => {
  const before = tf.tensor1d([1, 2, 3]);
  const after = tf.tensorScatterUpdate(before, tf.tensor2d([[1]], [1, 1], "int32"), tf.tensor1d([9]));
  expect([...after.dataSync()]).toEqual([1, 9, 3]);
  expect([...before.dataSync()]).toEqual([1, 2, 3]);
});
