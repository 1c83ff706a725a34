import { readPieces, storagePieces } from "../../src/serialization/storagePieces.js";
import type { Storage } from "../../src/storage/storedTensor.js";

const MEGABYTE = 1 << 20;

/** A storage whose byte i is i mod 251, and what was asked of it. */
function counting(byteLength: number, reads: [number, number][] = []): Storage {
  const bytes = Uint8Array.from({ length: byteLength }, (_, i) => i % 251);
  return {
    byteLength,
    read: (start, end) => Promise.resolve(bytes.subarray(start, end)),
    readInto: (target, start) => {
      reads.push([start, start + target.byteLength]);
      target.set(bytes.subarray(start, start + target.byteLength));
      return Promise.resolve();
    },
  };
}

async function collect(pieces: Iterable<Parameters<typeof readPieces>[0] extends Iterable<infer P> ? P : never>) {
  const copies: Buffer[] = [];
  const arrays = new Set<ArrayBufferLike>();
  for await (const bytes of readPieces(pieces)) {
    copies.push(Buffer.from(bytes));
    arrays.add(bytes.buffer);
  }
  return { bytes: Buffer.concat(copies), arrays };
}

test("what is read at once is read in pieces of an eighth of a megabyte, into one array", async () => {
  const reads: [number, number][] = [];
  const length = 5 * MEGABYTE + 100_000;
  const { bytes, arrays } = await collect(storagePieces(counting(length, reads)));
  expect(bytes.equals(Buffer.from(await counting(length).read(0, length)))).toBe(true);
  expect(reads.length).toBe(41); // forty eighths and what is left
  expect(arrays.size).toBe(1);
});

test("of what is waited for the next piece is being read while one is used, also across storages", async () => {
  const asked: string[] = [];
  const distant = (name: string): Storage => ({
    byteLength: MEGABYTE / 2,
    read: (start, end) => {
      asked.push(name);
      return Promise.resolve(new Uint8Array(end - start));
    },
  });
  const reader = readPieces([...storagePieces(distant("first")), ...storagePieces(distant("second"))]);
  const { value } = (await reader.next()) as IteratorResult<Uint8Array, undefined>;
  expect(value?.byteLength).toBe(MEGABYTE / 2);
  expect(asked).toEqual(["first", "second"]);
  await reader.return(undefined);
});

test("bytes that belong to somebody are never read over", async () => {
  const own = new Uint8Array(MEGABYTE).fill(7);
  const inMemory: Storage = { byteLength: MEGABYTE, read: (start, end) => Promise.resolve(own.subarray(start, end)) };
  const { bytes } = await collect([
    ...storagePieces(inMemory),
    ...storagePieces(counting(3 * MEGABYTE)),
    ...storagePieces(inMemory),
  ]);
  expect(own.every((byte) => byte === 7)).toBe(true);
  expect(bytes.subarray(0, MEGABYTE).every((byte) => byte === 7)).toBe(true);
  expect(bytes.subarray(-MEGABYTE).every((byte) => byte === 7)).toBe(true);
});

test("whoever stops early is not told of the read that was under way", async () => {
  const failing: Storage = { byteLength: MEGABYTE, read: () => Promise.reject(new Error("gone")) };
  const reader = readPieces([...storagePieces(counting(MEGABYTE / 8)), ...storagePieces(failing)]);
  await reader.next();
  await expect(reader.return(undefined)).resolves.toMatchObject({ done: true });
});
