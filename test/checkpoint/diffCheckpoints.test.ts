import fc from "fast-check";
import type { CheckpointDiff, DiffOptions } from "../../src/checkpoint/diffCheckpoints.js";
import { diffCheckpoints, isEqual } from "../../src/checkpoint/diffCheckpoints.js";
import { diffValues } from "../../src/checkpoint/diffTensors.js";
import { PyDict, PyFloat } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import type { DType } from "../../src/storage/dtype.js";
import { storedTensor, StoredTensor } from "../../src/storage/storedTensor.js";

const EXACT = { rtol: 0, atol: 0, equalNan: true };
const quiet = (): void => undefined;

function tensor(values: readonly number[], shape: readonly number[] = [values.length]): StoredTensor {
  return storedTensor({ dtype: "float32", shape, bytes: new Uint8Array(Float32Array.from(values).buffer) });
}
function raw(dtype: DType, bytes: ArrayBufferLike, length: number): StoredTensor {
  return storedTensor({ dtype, shape: [length], bytes: new Uint8Array(bytes) });
}
function diff(a: PyValue, b: PyValue, options: Partial<DiffOptions> = {}): Promise<CheckpointDiff> {
  return diffCheckpoints(a, b, { tolerance: EXACT, keysOnly: false, weightsOnly: false, heard: quiet, ...options });
}
const stateDict = (entries: Readonly<Record<string, PyValue>>): PyDict =>
  PyDict.from({ state_dict: PyDict.from(entries) });

test("the largest difference, absolute and relative, and where it is", async () => {
  // |1 - 1.5| = 0.5 of 1.5; |-8 - -10| = 2 of 10; |0 - 0.25| is all of 0.25
  const result = await diffValues(tensor([1, 2, -8, 0]), tensor([1.5, 2, -10, 0.25]), EXACT, quiet);
  expect(result).toEqual({ elements: 4, different: 3, maxAbs: 2, maxRel: 1, at: 2 });
});

test.each([
  [{ rtol: 0, atol: 0.5, equalNan: true }, 1],
  [{ rtol: 0.2, atol: 0, equalNan: true }, 2],
  [{ rtol: 0.2, atol: 0.25, equalNan: true }, 0],
])("a tolerance is torch.allclose's: %j leaves %d different", async (tolerance, different) => {
  const result = await diffValues(tensor([1, 2, -8, 0]), tensor([1.5, 2, -10, 0.25]), tolerance, quiet);
  expect(result.different).toBe(different);
});

test("nan is nan unless it is not to be; infinities are themselves; zero has no sign", async () => {
  const a = tensor([NaN, Infinity, -Infinity, -0, 1]);
  const b = tensor([NaN, Infinity, -Infinity, 0, 1]);
  expect((await diffValues(a, b, EXACT, quiet)).different).toBe(0);
  expect((await diffValues(a, b, { ...EXACT, equalNan: false }, quiet)).different).toBe(1);
  expect((await diffValues(a, a, { ...EXACT, equalNan: false }, quiet)).different).toBe(1);
  const one = await diffValues(tensor([NaN, 1]), tensor([1, 9]), { rtol: 1e9, atol: 1e9, equalNan: true }, quiet);
  expect(one).toMatchObject({ different: 1, maxAbs: NaN });
  expect((await diffValues(tensor([Infinity]), tensor([1]), { ...EXACT, atol: 1e30 }, quiet)).different).toBe(1);
});

test("64-bit integers that differ in the last digit differ", async () => {
  const a = raw("int64", BigInt64Array.of(2n ** 60n, 5n).buffer, 2);
  const b = raw("int64", BigInt64Array.of(2n ** 60n + 1n, 5n).buffer, 2);
  expect(await diffValues(a, b, EXACT, quiet)).toMatchObject({ different: 1, maxAbs: 1, at: 0 });
});

test("complex numbers are as far apart as they are in the plane: 3+4i from 0 is 5", async () => {
  const a = raw("complex64", Float32Array.of(3, 4, 1, 1).buffer, 2);
  const b = raw("complex64", Float32Array.of(0, 0, 1, 1).buffer, 2);
  expect(await diffValues(a, b, EXACT, quiet)).toMatchObject({ elements: 2, different: 1, maxAbs: 5, at: 0 });
});

test("a transposed view and its contiguous copy are the same", async () => {
  const storage = tensor([1, 2, 3, 4, 5, 6]).storage;
  const view = new StoredTensor({ dtype: "float32", shape: [3, 2], stride: [1, 3], storageOffset: 0, storage });
  expect((await diffValues(view, tensor([1, 4, 2, 5, 3, 6], [3, 2]), EXACT, quiet)).different).toBe(0);
});

test("large tensors are compared in pieces of bounded size", async () => {
  const size = 1 << 28; // 256 MB of zeros that are made as they are read
  let most = 0;
  const zeros = (odd: number): StoredTensor =>
    new StoredTensor({
      dtype: "uint8",
      shape: [size],
      stride: [1],
      storageOffset: 0,
      storage: {
        byteLength: size,
        read: (start, end) => {
          most = Math.max(most, end - start);
          const bytes = new Uint8Array(end - start);
          if (start <= odd && odd < end) bytes[odd - start] = 7;
          return Promise.resolve(bytes);
        },
      },
    });
  const result = await diffValues(zeros(-1), zeros(200_000_001), EXACT, quiet);
  expect(result).toMatchObject({ different: 1, maxAbs: 7, at: 200_000_001 });
  expect(most).toBeLessThanOrEqual(1 << 22);
});

test("values are compared by path: added, removed, changed, and within the tolerance", async () => {
  const a = PyDict.from({
    epoch: 1,
    hyper_parameters: PyDict.from({ lr: new PyFloat(0.1), old: true, __proto__x: 1 }),
  });
  const b = PyDict.from({
    epoch: 2,
    hyper_parameters: PyDict.from({ lr: new PyFloat(0.1001), new: "x", __proto__x: 1 }),
  });
  const found = await diff(a, b);
  expect(found.values).toEqual([
    { path: "epoch", a: "1", b: "2" },
    { path: 'hyper_parameters["lr"]', a: "0.1", b: "0.1001" },
    { path: 'hyper_parameters["old"]', a: "True", b: null },
    { path: 'hyper_parameters["new"]', a: null, b: "'x'" },
  ]);
  const near = await diff(a, b, { tolerance: { ...EXACT, rtol: 0.01 } });
  expect(near.values.map(({ path }) => path)).not.toContain('hyper_parameters["lr"]');
});

test("tensors only one has, other shapes and dtypes; the biggest difference comes first", async () => {
  const half = storedTensor({ dtype: "float16", shape: [1], bytes: Uint8Array.of(0, 0x3c) }); // 1.0
  const found = await diff(
    stateDict({
      near: tensor([1]),
      far: tensor([1]),
      shape: tensor([1, 2]),
      dtype: tensor([1]),
      gone: tensor([1], [1, 1]),
    }),
    stateDict({ near: tensor([1.5]), far: tensor([9]), shape: tensor([1]), dtype: half, come: tensor([1], [1, 1, 1]) }),
  );
  expect(found.changed.map(({ name }) => name)).toEqual(["shape", "far", "near", "dtype"]);
  expect([...found.onlyA.keys()]).toEqual(["gone"]);
  expect([...found.onlyB.keys()]).toEqual(["come"]);
});

test("a renamed tensor is found by its content, else by its shape, else by the order of its like", async () => {
  const found = await diff(
    stateDict({
      "a.w": tensor([1, 2]),
      "a.x": tensor([1, 2, 3]),
      "a.b": tensor([5]),
      "a.c": tensor([6]),
      "a.zeros": tensor([0, 0]),
    }),
    stateDict({
      "b.zeros": tensor([0, 0]),
      "b.w": tensor([1, 2]),
      "b.x": tensor([7, 8, 9]),
      "b.b": tensor([15]),
      "b.c": tensor([16]),
    }),
  );
  expect(found.renamed).toEqual([
    { from: "a.w", to: "b.w", by: "content" },
    { from: "a.x", to: "b.x", by: "shape" },
    { from: "a.b", to: "b.b", by: "order" },
    { from: "a.c", to: "b.c", by: "order" },
    { from: "a.zeros", to: "b.zeros", by: "content" },
  ]);
  expect(found.changed.map(({ name }) => name).sort()).toEqual(["a.b", "a.c", "a.x"]);
});

test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("%s is a name like any other", async (name) => {
  const dict = (value: number): PyDict =>
    new PyDict([
      ["state_dict", new PyDict([[name, tensor([value])]])],
      [name, value],
    ]);
  expect(isEqual(await diff(dict(1), dict(1)))).toBe(true);
  const found = await diff(dict(1), dict(2));
  expect(found.values).toEqual([{ path: name, a: "1", b: "2" }]);
  expect(found.changed.map((change) => change.name)).toEqual([name]);
});

test("a state_dict by itself is compared with that of a checkpoint by the names alone", async () => {
  const weights = { "layer.weight": tensor([1, 2]) };
  const found = await diff(stateDict(weights), PyDict.from(weights), { weightsOnly: true });
  expect(isEqual(found)).toBe(true);
});

test("--keys-only reads no tensor", async () => {
  const unreadable = new StoredTensor({
    dtype: "float32",
    shape: [2],
    stride: [1],
    storageOffset: 0,
    storage: { byteLength: 8, read: () => Promise.reject(new Error("read")) },
  });
  const found = await diff(stateDict({ w: unreadable, v: tensor([1]) }), stateDict({ w: unreadable, x: tensor([1]) }), {
    keysOnly: true,
  });
  expect(found).toMatchObject({ equal: 1, changed: [], renamed: [] });
});

test("whatever two lists of numbers are, the count of different ones is that of Object.is without signs and NaNs", async () => {
  const floats = fc.array(fc.tuple(fc.float(), fc.float()), { minLength: 1, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(floats, async (pairs) => {
      const [a, b] = [pairs.map(([x]) => x), pairs.map(([x, y]) => (y > 0 ? x : y))];
      const expected = a.filter((x, i) => !(x === b[i] || (Number.isNaN(x) && Number.isNaN(b[i])))).length;
      expect((await diffValues(tensor(a), tensor(b), EXACT, quiet)).different).toBe(expected);
    }),
  );
});
