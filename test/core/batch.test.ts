import { assembleBatch, batchSizeOf, flattenBatch } from "../../src/core/batch.js";
import type { Batch } from "../../src/data/batch.js";
import { float32Tensor, scalarTensor } from "../../src/storage/hostTensor.js";
import { fromHost } from "../../src/tensor/transfer.js";

const two = float32Tensor(Float32Array.of(1, 2), [2]);
const four = float32Tensor(Float32Array.of(1, 2, 3, 4), [4, 1]);

test("a batch becomes named inputs, and the step gets its lists and objects back with tensors in them", () => {
  const batch: Batch = { x: four, pair: [two, { "0": scalarTensor(7) }] };
  const flat = flattenBatch(batch);
  expect(Object.keys(flat.inputs)).toEqual(["batch.x", "batch.pair.0", "batch.pair.1.0"]);
  const tensors = Object.fromEntries(Object.entries(flat.inputs).map(([name, host]) => [name, fromHost(host)]));
  const assembled = assembleBatch(flat.tree, tensors) as { x: unknown; pair: [unknown, Record<string, unknown>] };
  expect(assembled.x).toBe(tensors["batch.x"]);
  expect(assembled.pair[0]).toBe(tensors["batch.pair.0"]);
  expect(assembled.pair[1]["0"]).toBe(tensors["batch.pair.1.0"]);
});

test("a batch that is one tensor is given to the step as one tensor", () => {
  const flat = flattenBatch(four);
  expect(assembleBatch(flat.tree, { batch: fromHost(four) })).toMatchObject({ shape: [4, 1] });
});

test("the batch size is the first dimension of the first tensor, and 1 for a scalar", () => {
  expect(batchSizeOf(flattenBatch([four, two]))).toBe(4);
  expect(batchSizeOf(flattenBatch([two, four]))).toBe(2);
  expect(batchSizeOf(flattenBatch(scalarTensor(1)))).toBe(1);
});

test("what is no tensor in a batch is named with its place", () => {
  expect(() => flattenBatch({ x: four, label: "cat" } as unknown as Batch)).toThrow(
    "batch.label is string, not a tensor",
  );
});
