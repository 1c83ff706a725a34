import fc from "fast-check";
import { DTYPES } from "../../src/storage/dtype.js";
import type { DType } from "../../src/storage/dtype.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import type { Storage } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { tensorChunks } from "../../src/storage/tensorChunks.js";

const axes = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 9 })), { maxLength: 4 });
const dtypes = fc.constantFrom<DType>("uint8", "float16", "float32", "complex64");

async function chunksOf(tensor: StoredTensor, size: number): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of tensorChunks(tensor, size)) chunks.push(chunk.slice());
  return chunks;
}

test("the pieces of any view, one after the other, are the bytes that readTensor gives", async () => {
  await fc.assert(
    fc.asyncProperty(
      axes,
      dtypes,
      fc.integer({ min: 1, max: 64 }),
      fc.boolean(),
      fc.boolean(),
      async (pairs, dtype, size, conjugate, negative) => {
        const shape = pairs.map(([length]) => length);
        const stride = pairs.map(([, step]) => step);
        const last = pairs.reduce((sum, [length, step]) => sum + Math.max(0, length - 1) * step, 1);
        const bytes = Uint8Array.from({ length: last * DTYPES[dtype].itemSize }, (_, i) => (i * 7 + 3) & 0xff);
        const storage: Storage = {
          byteLength: bytes.byteLength,
          read: (start, end) => Promise.resolve(bytes.subarray(start, end)),
        };
        const tensor = new StoredTensor({ dtype, shape, stride, storageOffset: 0, storage, conjugate, negative });
        const chunks = await chunksOf(tensor, size);
        expect(Buffer.concat(chunks).equals((await readTensor(tensor)).bytes)).toBe(true);
        for (const chunk of chunks) expect(chunk.byteLength % DTYPES[dtype].itemSize).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});

test("a transposed matrix larger than memory should hold is read in pieces, not element by element", async () => {
  // 20,000 × 20,000 float32, transposed: 1.6 GB that are never all there.
  const size = 20_000;
  let reads = 0;
  let most = 0;
  const storage: Storage = {
    byteLength: size * size * 4,
    read: (start, end) => {
      reads += 1;
      most = Math.max(most, end - start);
      return Promise.resolve(new Uint8Array(end - start));
    },
  };
  const tensor = new StoredTensor({
    dtype: "float32",
    shape: [size, size],
    stride: [1, size],
    storageOffset: 0,
    storage,
  });
  const chunks = tensorChunks(tensor);
  const first = await chunks.next();
  await chunks.return(undefined);
  expect((first.value as Uint8Array).byteLength).toBeLessThanOrEqual(1 << 22);
  expect(most).toBeLessThanOrEqual(1 << 22);
  expect(reads).toBeLessThanOrEqual(size);
});

test("a view that makes many gigabytes of four bytes is refused", async () => {
  const storage: Storage = { byteLength: 4, read: () => Promise.resolve(new Uint8Array(4)) };
  const tensor = new StoredTensor({ dtype: "float32", shape: [2 ** 40], stride: [0], storageOffset: 0, storage });
  await expect(tensorChunks(tensor).next()).rejects.toMatchObject({ code: "checkpoint.unsupported" });
});
