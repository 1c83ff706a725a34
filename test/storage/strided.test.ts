import fc from "fast-check";
import { swapInPlace } from "../../src/storage/byteOrder.js";
import { DTYPES } from "../../src/storage/dtype.js";
import type { DType } from "../../src/storage/dtype.js";
import { contiguousStride, StoredTensor } from "../../src/storage/storedTensor.js";
import type { Storage } from "../../src/storage/storedTensor.js";
import { isContiguous, readTensor } from "../../src/storage/strided.js";

interface Case {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly storageOffset: number;
}

const axes = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 9 })), { maxLength: 4 });
const someCase = fc
  .tuple(
    axes,
    fc.integer({ min: 0, max: 5 }),
    fc.constantFrom<DType>("uint8", "float16", "float32", "int64", "complex128"),
  )
  .map(([pairs, storageOffset, dtype]): Case => ({
    dtype,
    shape: pairs.map(([size]) => size),
    stride: pairs.map(([, stride]) => stride),
    storageOffset,
  }));

function storageFor({ dtype, shape, stride, storageOffset }: Case): Uint8Array {
  const last = shape.reduce((sum, size, axis) => sum + Math.max(0, size - 1) * (stride[axis] ?? 0), storageOffset);
  return Uint8Array.from({ length: (last + 1) * DTYPES[dtype].itemSize }, (_, i) => (i * 7 + 3) & 0xff);
}

/** Element by element, from the definition: offset + Σ index × stride. */
function gatherSlowly({ dtype, shape, stride, storageOffset }: Case, bytes: Uint8Array): number[] {
  const width = DTYPES[dtype].itemSize;
  let offsets = [storageOffset];
  for (const [axis, size] of shape.entries()) {
    offsets = offsets.flatMap((offset) => Array.from({ length: size }, (_, i) => offset + i * (stride[axis] ?? 0)));
  }
  return offsets.flatMap((offset) => [...bytes.subarray(offset * width, (offset + 1) * width)]);
}

test("a view with any strides is gathered in row-major order", async () => {
  await fc.assert(
    fc.asyncProperty(someCase, async (view) => {
      const bytes = storageFor(view);
      const storage: Storage = {
        byteLength: bytes.byteLength,
        read: (start, end) => Promise.resolve(bytes.subarray(start, end)),
      };
      const tensor = await readTensor(new StoredTensor({ ...view, storage }));
      expect([...tensor.bytes]).toEqual(gatherSlowly(view, bytes));
    }),
    { numRuns: 500 },
  );
});

test("two elements a gigabyte apart cost two small reads", async () => {
  const ranges: number[] = [];
  const storage: Storage = {
    byteLength: 2 ** 31,
    read: (start, end) => {
      ranges.push(end - start);
      return Promise.resolve(new Uint8Array(end - start).fill(start === 0 ? 1 : 2));
    },
  };
  const tensor = await readTensor(
    new StoredTensor({ dtype: "float32", shape: [2], stride: [2 ** 28], storageOffset: 0, storage }),
  );
  expect([...tensor.bytes]).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
  expect(ranges).toEqual([4, 4]);
});

test("an expanded view that would fill memory is refused before anything is allocated", async () => {
  const storage: Storage = { byteLength: 4, read: () => Promise.resolve(new Uint8Array(4)) };
  const tensor = new StoredTensor({ dtype: "float32", shape: [2 ** 40], stride: [0], storageOffset: 0, storage });
  await expect(readTensor(tensor)).rejects.toMatchObject({ code: "checkpoint.unsupported" });
});

test("the conjugate and negative bits turn signs, and leave the storage alone", async () => {
  const bytes = new Uint8Array(Float32Array.of(1, 2, -3, -4).buffer);
  const storage: Storage = { byteLength: 16, read: (start, end) => Promise.resolve(bytes.subarray(start, end)) };
  const place = { shape: [2], stride: [1], storageOffset: 0, storage };
  const conjugate = await readTensor(new StoredTensor({ ...place, dtype: "complex64", conjugate: true }));
  expect([...new Float32Array(conjugate.bytes.slice().buffer)]).toEqual([1, -2, -3, 4]);
  const negative = await readTensor(new StoredTensor({ ...place, dtype: "float32", negative: true }));
  expect([...new Float32Array(negative.bytes.slice().buffer)]).toEqual([-1, -2]);
  expect([...new Float32Array(bytes.buffer)]).toEqual([1, 2, -3, -4]);
});

test("a stride of an axis with one element does not matter, and neither does that of an empty tensor", () => {
  expect(isContiguous([1, 3], [77, 1])).toBe(true);
  expect(isContiguous([0, 3], [1, 9])).toBe(true);
  expect(isContiguous([2, 3], [1, 2])).toBe(false);
  expect(contiguousStride([2, 3, 4])).toEqual([12, 4, 1]);
});

test("bytes of elements are reversed in place", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  swapInPlace(bytes, 2);
  expect([...bytes]).toEqual([2, 1, 4, 3, 6, 5, 8, 7]);
  swapInPlace(bytes, 1);
  expect([...bytes]).toEqual([2, 1, 4, 3, 6, 5, 8, 7]);
});
