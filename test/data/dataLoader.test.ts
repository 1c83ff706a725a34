import { readFileSync } from "node:fs";
import { DataLoader } from "../../src/data/dataLoader.js";
import type { DataLoaderOptions } from "../../src/data/dataLoader.js";
import { TensorDataset } from "../../src/data/dataset.js";
import type { Dataset } from "../../src/data/dataset.js";
import { isHostTensor } from "../../src/data/batch.js";
import type { Batch } from "../../src/data/batch.js";
import type { LoaderIterator } from "../../src/data/loaderIterator.js";
import { PyDict } from "../../src/pickle/values.js";
import { Generator, defaultGenerator, randint64, seedEverything } from "../../src/tensor/generator.js";

const parity = JSON.parse(
  readFileSync(new URL("../fixtures/trained/seed-parity/parity.json", import.meta.url), "utf8"),
) as Record<string, readonly (readonly number[])[]>;

/** 0 … n-1 as int32, so that a batch tells which examples are in it. */
function counting(n: number): Dataset {
  const values = Int32Array.from({ length: n }, (_, i) => i);
  return new TensorDataset({ dtype: "int32", shape: [n], bytes: new Uint8Array(values.buffer) });
}

function examplesOf(batch: Batch): number[] {
  const tensor = Array.isArray(batch) ? (batch[0] as Batch) : batch;
  if (!isHostTensor(tensor)) throw new Error("no tensor");
  return [...new Int32Array(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength / 4)];
}

async function drain(iterator: LoaderIterator, batches = Infinity): Promise<number[][]> {
  const seen: number[][] = [];
  while (seen.length < batches) {
    const next = await iterator.next();
    if (next.done === true) break;
    seen.push(examplesOf(next.value));
  }
  return seen;
}

const pass = async (loader: DataLoader): Promise<number[]> => (await drain(loader.iterate())).flat();

test("three shuffled passes after seed 42 come in torch's order", async () => {
  seedEverything(42);
  const loader = new DataLoader(counting(1000), { batchSize: 32, shuffle: true });
  for (const order of parity["dataloader_bare_loop_seed42_n1000"] ?? []) expect(await pass(loader)).toEqual(order);
});

test("a generator of the loader's own draws its seed and then the permutation, as torch does", async () => {
  // torch 2.13: g = Generator().manual_seed(42); list(DataLoader(range(12), shuffle=True, generator=g, batch_size=12)), twice.
  const loader = new DataLoader(counting(12), { batchSize: 12, shuffle: true, generator: new Generator(42) });
  expect([await pass(loader), await pass(loader)]).toEqual([
    [4, 0, 8, 5, 2, 10, 3, 6, 7, 1, 9, 11],
    [4, 5, 7, 6, 3, 0, 8, 10, 11, 1, 9, 2],
  ]);
});

test("twelve examples after seed 42 come in the order that torch's fit has them", async () => {
  // lightning-checkpoint-format.md, 7.6: two epochs without validation, no draws before.
  seedEverything(42);
  const loader = new DataLoader(counting(12), { batchSize: 5, shuffle: true });
  expect(await pass(loader)).toEqual([4, 2, 3, 0, 6, 7, 1, 10, 11, 5, 9, 8]);
  expect(await pass(loader)).toEqual([10, 8, 11, 5, 7, 6, 4, 1, 9, 0, 3, 2]);
});

test("a pass without shuffling consumes one number of the generator, and so moves the next shuffle", async () => {
  seedEverything(42);
  await pass(new DataLoader(counting(5)));
  const after = randint64(defaultGenerator);
  seedEverything(42);
  randint64(defaultGenerator);
  expect(after).toBe(randint64(defaultGenerator));
});

test.each([
  [{ batchSize: 4 }, [4, 4, 2]],
  [{ batchSize: 4, dropLast: true }, [4, 4]],
  [{ batchSize: 10 }, [10]],
  [{ batchSize: 11, dropLast: true }, []],
  [{}, Array.from({ length: 10 }, () => 1)],
] as const)("ten examples with %j make batches of %j", async (options: DataLoaderOptions, sizes) => {
  const loader = new DataLoader(counting(10), options);
  const batches = await drain(loader.iterate());
  expect(batches.map((batch) => batch.length)).toEqual(sizes);
  expect(loader.length).toBe(sizes.length);
  expect(batches.flat()).toEqual(Array.from({ length: sizes.reduce((a: number, b) => a + b, 0) }, (_, i) => i));
});

test.each([["the global generator"], ["a generator of its own"]])(
  "an iterator made from a state goes on with the examples that were left, drawing from %s",
  async (which) => {
    seedEverything(7);
    const own = which === "a generator of its own" ? { generator: new Generator(3) } : {};
    const loader = new DataLoader(counting(50), { batchSize: 4, shuffle: true, ...own });
    const iterator = loader.iterate();
    const begun = await drain(iterator, 5);
    const state = iterator.state();
    const rest = await drain(iterator);
    const next = await pass(loader);

    seedEverything(999); // a resumed process stands elsewhere; its generators are put back by whoever resumes
    const later = new DataLoader(counting(50), {
      batchSize: 4,
      shuffle: true,
      ...(which === "a generator of its own" ? { generator: new Generator(12345) } : {}),
    });
    expect(await drain(later.iterate(state))).toEqual(rest);
    expect(new Set([...begun, ...rest].flat()).size).toBe(50);
    if (own.generator !== undefined) expect(await pass(later)).toEqual(next);
  },
);

test("resuming draws nothing from the global generator", async () => {
  const loader = new DataLoader(counting(50), { batchSize: 4, shuffle: true });
  const iterator = loader.iterate();
  await drain(iterator, 3);
  const state = iterator.state();
  const before = Buffer.from(defaultGenerator.getState().bytes).toString("hex");
  await drain(loader.iterate(state));
  expect(Buffer.from(defaultGenerator.getState().bytes).toString("hex")).toBe(before);
});

test("a state may be asked for an earlier batch than the last one handed out", async () => {
  const loader = new DataLoader(counting(20), { batchSize: 4, shuffle: true });
  const iterator = loader.iterate();
  const all = await drain(iterator);
  expect(await drain(loader.iterate(iterator.state(2)))).toEqual(all.slice(2));
});

test("the position of a finished pass has nothing left, and puts a generator of the loader's own where it stood", async () => {
  const loader = new DataLoader(counting(20), { batchSize: 4, shuffle: true, generator: new Generator(5) });
  const iterator = loader.iterate();
  await drain(iterator);
  const state = iterator.state();
  const second = await pass(loader);
  const later = new DataLoader(counting(20), { batchSize: 4, shuffle: true, generator: new Generator(1) });
  expect(await drain(later.iterate(state))).toEqual([]);
  expect(await pass(later)).toEqual(second);
});

test("the position in other data is refused, with both numbers and a way out", async () => {
  const loader = new DataLoader(counting(20), { batchSize: 4, shuffle: true });
  const iterator = loader.iterate();
  await drain(iterator, 2);
  const state = iterator.state();
  expect(() => new DataLoader(counting(20), { batchSize: 5 }).iterate(state)).toThrow(
    "the checkpoint stands after batch 2 of a pass with batch_size 4; here batch_size is 5",
  );
  expect(() => new DataLoader(counting(21), { batchSize: 4 }).iterate(state)).toThrow("num_examples 20");
  expect(() => loader.iterate(PyDict.from({ batches: "three" }))).toThrow('"batches" must be a number of batches');
});

test("nonsense is refused when the loader is made", () => {
  expect(() => new DataLoader(counting(3), { batchSize: 0 })).toThrow("batch_size must be a positive integer, got 0");
  expect(() => new DataLoader(counting(0), { shuffle: true })).toThrow("cannot be shuffled");
});

test("60,000 images in batches of 32 are gathered in well under a second", async () => {
  const images = new TensorDataset({ dtype: "float32", shape: [60_000, 784], bytes: new Uint8Array(60_000 * 784 * 4) });
  const loader = new DataLoader(images, { batchSize: 32, shuffle: true });
  const start = performance.now();
  let bytes = 0;
  for await (const batch of loader) {
    const [tensor] = batch as readonly { readonly bytes: Uint8Array }[];
    bytes += tensor?.bytes.byteLength ?? 0;
  }
  expect(bytes).toBe(60_000 * 784 * 4);
  expect(performance.now() - start).toBeLessThan(3000); // 0.2 s on an idle machine
});
