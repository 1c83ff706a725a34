import { castTensors } from "../../src/checkpoint/castTensors.js";
import type { DType } from "../../src/storage/dtype.js";
import { readTensor } from "../../src/storage/strided.js";
import { StoredTensor, storedTensor } from "../../src/storage/storedTensor.js";
import { checksum } from "../../src/zip/checksum.js";

function tensor(dtype: DType, values: ArrayBufferView, shape: number[]): StoredTensor {
  return storedTensor({ dtype, shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) });
}

async function bitsOf(of: StoredTensor | undefined): Promise<number[]> {
  if (of === undefined) return [];
  const { bytes } = await readTensor(of);
  return [...new Uint16Array(bytes.slice().buffer)];
}

// IEEE 754: 65504 is the largest half, 65520 the middle to what would be the next; 2^-25 the middle of 0 and 2^-24.
test("float32 becomes the nearest float16, of two the even one, and infinite beyond 65520", async () => {
  const values = Float32Array.of(
    1,
    65504,
    65519.99,
    65520,
    -1e30,
    2 ** -25,
    2 ** -25 * 1.001,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
  );
  const cast = castTensors(new Map([["w", tensor("float32", values, [9])]]), "float16").get("w");
  expect(cast?.dtype).toBe("float16");
  expect(await bitsOf(cast)).toEqual([0x3c00, 0x7bff, 0x7bff, 0x7c00, 0xfc00, 0, 1, 0x3c00, 0x3c02]);
});

test("float64 goes by way of float32, as in torch", async () => {
  // Just above the middle of two halves, by less than a float32 can say: float32 makes it the middle, and even wins.
  const values = Float64Array.of(1 + 2 ** -11 + 2 ** -40);
  const cast = castTensors(new Map([["w", tensor("float64", values, [1])]]), "float16").get("w");
  expect(await bitsOf(cast)).toEqual([0x3c00]);
});

test("integers, booleans and complex numbers stay as they are", () => {
  const tensors = new Map([
    ["count", tensor("int64", BigInt64Array.of(7n), [])],
    ["mask", tensor("bool", Uint8Array.of(1), [1])],
    ["z", tensor("complex64", Float32Array.of(1, 2), [1])],
  ]);
  expect([...castTensors(tensors, "bfloat16").values()]).toEqual([...tensors.values()]);
});

test("tensors that share a storage go on sharing it, with their offsets and strides", async () => {
  const { storage } = tensor("float32", Float32Array.of(0, 1, 2, 3, 4, 5), [6]);
  const view = (storageOffset: number, shape: number[], stride: number[]): StoredTensor =>
    new StoredTensor({ dtype: "float32", storage, storageOffset, shape, stride });
  const cast = castTensors(
    new Map([
      ["a", view(0, [2, 3], [3, 1])],
      ["b", view(1, [2], [3])],
    ]),
    "bfloat16",
  );
  expect(cast.get("b")?.storage).toBe(cast.get("a")?.storage);
  expect(cast.get("b")).toMatchObject({ storageOffset: 1, stride: [3] });
  expect(await bitsOf(cast.get("b"))).toEqual([0x3f80, 0x4080]); // 1 and 4: the upper halves of their float32
});

test("a piece may begin and end anywhere", async () => {
  const cast = castTensors(new Map([["w", tensor("float32", Float32Array.of(1, 2, 3), [3])]]), "float16").get("w");
  const bytes = await cast?.storage.read(1, 5);
  expect(Buffer.from(bytes ?? []).toString("hex")).toBe("3c004000"); // of 003c 0040 0042 all but the ends
});

test("damage in what is turned is found when the last piece is read", async () => {
  const values = Float32Array.of(1, 2, 3);
  const { storage } = tensor("float32", values, [3]);
  const damaged = { ...storage, crc32: checksum(new Uint8Array(values.buffer)) ^ 1, name: 'record "archive/data/0"' };
  const w = new StoredTensor({ dtype: "float32", storage: damaged, storageOffset: 0, shape: [3], stride: [1] });
  const cast = castTensors(new Map([["w", w]]), "float16").get("w");
  await cast?.storage.read(0, 2);
  await expect(cast?.storage.read(2, 6)).rejects.toMatchObject({
    code: "checkpoint.malformed",
    message: expect.stringContaining('record "archive/data/0" is damaged') as string,
  });
});
