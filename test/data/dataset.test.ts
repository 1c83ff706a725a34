import { defaultCollate } from "../../src/data/collate.js";
import type { Item } from "../../src/data/collate.js";
import { labelColumn, pixelColumn } from "../../src/data/column.js";
import { MapDataset, Subset, TensorDataset, indexRange } from "../../src/data/dataset.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import { float32Tensor, float32Values } from "../../src/storage/hostTensor.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";

const bytesTensor = (values: readonly number[], shape: readonly number[]): HostTensor => ({
  dtype: "uint8",
  shape,
  bytes: Uint8Array.from(values),
});

test("rows of several tensors are gathered in the order asked for", () => {
  const x = float32Tensor(Float32Array.of(0, 1, 10, 11, 20, 21), [3, 2]);
  const y = bytesTensor([7, 8, 9], [3]);
  const [xs, ys] = new TensorDataset(x, y).getBatch([2, 0, 2]);
  expect(xs?.shape).toEqual([3, 2]);
  expect([...(xs === undefined ? [] : float32Values(xs))]).toEqual([20, 21, 0, 1, 20, 21]);
  expect([...(ys?.bytes ?? [])]).toEqual([9, 7, 9]);
});

test("tensors of different length do not make a dataset", () => {
  expect(() => new TensorDataset(bytesTensor([1, 2], [2]), bytesTensor([1, 2, 3], [3]))).toThrow(
    "the first has 2, number 2 has 3",
  );
});

test("an index outside is an error, never an empty row", () => {
  expect(() => new TensorDataset(bytesTensor([1, 2], [2])).getBatch([2])).toThrow("index 2 is outside");
  expect(() => new Subset(new TensorDataset(bytesTensor([1, 2], [2])), [0, 2])).toThrow("index 2 is outside");
});

test("a subset numbers its own examples", () => {
  const subset = new Subset(new TensorDataset(bytesTensor([5, 6, 7, 8], [4])), indexRange(2, 4));
  expect(subset.length).toBe(2);
  expect(subset.getBatch([1, 0])).toEqual([bytesTensor([8, 7], [2])]);
});

test("pixels are divided by 255 in float32, as torchvision's ToTensor does", () => {
  const column = pixelColumn(bytesTensor([0, 1, 128, 255], [2, 1, 2]), [2]);
  // (np.uint8([0, 1, 128, 255]).astype(np.float32) / np.float32(255)).tolist()
  expect([...float32Values(column.gather([0, 1]))]).toEqual([0, 0.003921568859368563, 0.501960813999176, 1]);
  expect(column.gather([1]).shape).toEqual([1, 2]);
});

test("labels are kept as bytes and given as int64", () => {
  const labels = labelColumn(bytesTensor([3, 255], [2])).gather([1, 0]);
  expect({ ...labels, bytes: [...new BigInt64Array(labels.bytes.buffer)] }).toEqual({
    dtype: "int64",
    shape: [2],
    bytes: [255n, 3n],
  });
});

test("examples are stacked through lists and objects, each kind of number with its dtype", () => {
  const batch = defaultCollate([
    { x: Float32Array.of(1, 2), y: 3n, more: [true, 0.5] },
    { x: Float32Array.of(3, 4), y: -1n, more: [false, 1.5] },
  ]) as { x: HostTensor; y: HostTensor; more: readonly HostTensor[] };
  expect([batch.x.dtype, batch.x.shape, [...float32Values(batch.x)]]).toEqual(["float32", [2, 2], [1, 2, 3, 4]]);
  expect([batch.y.dtype, [...new BigInt64Array(batch.y.bytes.buffer)]]).toEqual(["int64", [3n, -1n]]);
  expect(batch.more.map(({ dtype, shape }) => [dtype, shape])).toEqual([
    ["bool", [2]],
    ["float32", [2]],
  ]);
});

test.each<[readonly Item[], string]>([
  [
    [Float32Array.of(1), Float32Array.of(1, 2)],
    "item: examples of one batch must be alike: example 0 is float32 [1], example 1 is float32 [2]",
  ],
  [[{ a: 1 }, { b: 1 }], 'expected an object with "a"'],
  [[[1, 2], [1]], "expected a list of 2"],
  [[1, [1]], "item: examples of one batch must be alike: expected a tensor or a number"],
])("examples that are not alike are refused: %j", (items, message) => {
  expect(() => defaultCollate(items)).toThrow(message);
});

test("a user's own dataset of single items goes through the loader, waiting for each", async () => {
  const items = { length: 3, getItem: (index: number) => Promise.resolve([index, BigInt(index * index)] as const) };
  const batches = [];
  for await (const batch of new DataLoader(items, { batchSize: 2 })) batches.push(batch);
  const [first, second] = batches as unknown as readonly (readonly [HostTensor, HostTensor])[];
  expect(first?.map(({ dtype, shape }) => [dtype, shape])).toEqual([
    ["float32", [2]],
    ["int64", [2]],
  ]);
  expect([...new BigInt64Array(second?.[1].bytes.buffer ?? new ArrayBuffer(0))]).toEqual([4n]);
});

test("a collate function of the user's own makes the batch", async () => {
  const sum = new MapDataset({ length: 4, getItem: (index) => index }, (items) =>
    float32Tensor(Float32Array.of(items.length), [1]),
  );
  expect(await sum.getBatch([0, 1, 2])).toEqual(float32Tensor(Float32Array.of(3), [1]));
});

test("a tensor that says more rows than it has bytes for is refused", () => {
  const short = { dtype: "float32", shape: [3, 2], bytes: new Uint8Array(16) } as const;
  expect(() => new TensorDataset(short)).toThrow("a float32 tensor of shape [3, 2] takes 24 bytes, but 16 were given");
});
