import { labelColumn, pixelColumn } from "../../src/data/column.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import type { DataLoaderOptions } from "../../src/data/dataLoader.js";
import { MapDataset, Subset, TensorDataset } from "../../src/data/dataset.js";
import type { Batch, Dataset } from "../../src/data/dataset.js";
import type { LoaderIterator } from "../../src/data/loaderIterator.js";
import { TokenWindows } from "../../src/data/tokenWindows.js";
import { LtrainError } from "../../src/errors.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { Generator, defaultGenerator, seedEverything } from "../../src/tensor/generator.js";

// Workers run what is built: `npm test` builds first.

const N = 50;
const pixels = {
  dtype: "uint8" as const,
  shape: [N, 2, 3],
  bytes: Uint8Array.from({ length: N * 6 }, (_, i) => 11 * i),
};
const labels = { dtype: "uint8" as const, shape: [N], bytes: Uint8Array.from({ length: N }, (_, i) => i % 7) };
const rows = float32Tensor(
  Float32Array.from({ length: N * 4 }, (_, i) => i / 3),
  [N, 4],
);

const DATASETS: Readonly<Record<string, () => Dataset>> = {
  "rows of tensors": () => new TensorDataset(rows, { ...labels }),
  "pixels and labels, some of them": () =>
    new Subset(new TensorDataset(pixelColumn(pixels), labelColumn(labels)), [40, 3, 3, 17, 0, 49, 22, 8, 31, 5, 12]),
  "windows of tokens": () =>
    new TokenWindows(
      Uint8Array.from({ length: 60 }, (_, i) => (5 * i) % 13),
      8,
      2,
    ),
};

async function drain(iterator: LoaderIterator, batches = Infinity): Promise<Batch[]> {
  const seen: Batch[] = [];
  while (seen.length < batches) {
    const next = await iterator.next();
    if (next.done === true) break;
    seen.push(next.value);
  }
  return seen;
}

const generatorState = (): string => Buffer.from(defaultGenerator.getState().bytes).toString("hex");

async function twoPasses(dataset: Dataset, options: DataLoaderOptions): Promise<unknown> {
  seedEverything(42);
  const loader = new DataLoader(dataset, { batchSize: 4, ...options });
  try {
    const first = await drain(loader.iterate());
    return [first, generatorState(), await drain(loader.iterate()), generatorState()];
  } finally {
    await loader.close();
  }
}

describe.each(Object.keys(DATASETS))("%s", (name) => {
  test.each([1, 3])("come in the same batches from %d workers as from none, shuffled or not", async (numWorkers) => {
    const make = (): Dataset => DATASETS[name]?.() ?? new TensorDataset();
    for (const shuffle of [true, false]) {
      const expected = await twoPasses(make(), { shuffle });
      expect(await twoPasses(make(), { shuffle, numWorkers })).toEqual(expected);
    }
  });
});

test("kept workers, a last batch that is left out, a generator of the loader's own and one batch ahead change nothing", async () => {
  const plain = { shuffle: true, dropLast: true };
  const dataset = new TensorDataset(rows);
  const expected = await twoPasses(dataset, { ...plain, generator: new Generator(5) });
  const more = { numWorkers: 2, persistentWorkers: true, prefetchFactor: 1, generator: new Generator(5) };
  expect(await twoPasses(dataset, { ...plain, ...more })).toEqual(expected);
});

test("a pass goes on in mid-epoch where its batches were handed out, however many were made ahead", async () => {
  seedEverything(7);
  const loader = new DataLoader(new TensorDataset(rows), {
    batchSize: 4,
    shuffle: true,
    numWorkers: 2,
    prefetchFactor: 3,
  });
  const iterator = loader.iterate();
  await drain(iterator, 5);
  const states = [iterator.state(4), iterator.state()];
  const rest = await drain(iterator);
  expect(rest.length).toBe(8);
  const others = [0, 1, 3].map(
    (numWorkers) => new DataLoader(new TensorDataset(rows), { batchSize: 4, shuffle: true, numWorkers }),
  );
  for (const each of [loader, ...others]) {
    seedEverything(999);
    const before = generatorState();
    expect(await drain(each.iterate(states[1]))).toEqual(rest);
    expect((await drain(each.iterate(states[0]))).slice(1)).toEqual(rest);
    expect(generatorState()).toBe(before);
  }
});

test("a pass that is given up leaves the next one whole", async () => {
  const loader = new DataLoader(new TensorDataset(rows), { batchSize: 4, numWorkers: 2, persistentWorkers: true });
  const all = await drain(loader.iterate());
  for await (const batch of loader) {
    expect(batch).toEqual(all[0]);
    break;
  }
  expect(await drain(loader.iterate())).toEqual(all);
  await loader.close();
});

test("batches that were handed out stay what they were when later ones come", async () => {
  const loader = new DataLoader(new TensorDataset(rows), { batchSize: 10, numWorkers: 2 });
  const copies: unknown[] = [];
  const kept: Batch[] = [];
  for await (const batch of loader) {
    kept.push(batch);
    copies.push(structuredClone(batch));
  }
  expect(kept).toEqual(copies);
  expect(kept.length).toBe(5);
});

test("what a worker throws is thrown for its batch and no earlier, an ltrain error with its code", async () => {
  // Index 9 is no row of the tensor that the worker has: it was cut off after the index was checked.
  const broken: Dataset = {
    length: 12,
    getBatch: () => [],
    toWorker: () => ({ module: "ltrain/data", name: "TensorDataset", args: [float32Tensor(new Float32Array(9), [9])] }),
  };
  const iterator = new DataLoader(broken, { batchSize: 3, numWorkers: 2 }).iterate();
  expect((await drain(iterator, 3)).length).toBe(3);
  const failed = iterator.next();
  await expect(failed).rejects.toThrow("index 9 is outside a dataset of 9 rows");
  await expect(failed).rejects.toMatchObject({ code: "argument.invalid" });
  await iterator.return();
});

class Plain {
  readonly length = 3;
  getItem(index: number): number {
    return index;
  }
}

test("a dataset without toWorker is refused before a thread starts, and the error says what to write", async () => {
  const loader = new DataLoader(new Plain(), { numWorkers: 2 });
  const failed = loader.iterate().next();
  await expect(failed).rejects.toThrow("Plain cannot be made in a data worker: it has no toWorker()");
  await expect(failed).rejects.toMatchObject({
    code: "argument.invalid",
    hint: expect.stringContaining(
      'toWorker() { return { module: import.meta.url, name: "Plain", args: [...] } }',
    ) as string,
  });
});

test("a collate function of one's own cannot travel, and what a toWorker gives must", async () => {
  const items = {
    length: 2,
    getItem: (i: number): number => i,
    toWorker: () => ({ module: "x", name: "y", args: [] }),
  };
  const collating = new DataLoader(new MapDataset(items, () => []), { numWorkers: 1 });
  await expect(collating.iterate().next()).rejects.toThrow("cannot be made in a data worker");
  const odd = { ...items, toWorker: () => ({ module: "x", name: "y", args: [{ fetch: () => 1 }] }) };
  await expect(new DataLoader(odd, { numWorkers: 1 }).iterate().next()).rejects.toThrow(LtrainError);
  await expect(new DataLoader(odd, { numWorkers: 1 }).iterate().next()).rejects.toThrow(
    "gives what no thread can take",
  );
});

test.each([
  [{ numWorkers: -1 }, "num_workers must be a whole number from 0, got -1"],
  [{ numWorkers: 1.5 }, "num_workers must be a whole number from 0, got 1.5"],
  [{ numWorkers: 1, prefetchFactor: 0 }, "prefetch_factor must be a whole number from 1, got 0"],
  [{ prefetchFactor: 2 }, "prefetch_factor is for workers, and num_workers is 0"],
  [{ persistentWorkers: true }, "persistent_workers is for workers, and num_workers is 0"],
])("%j is refused as torch refuses it", (options, message) => {
  expect(() => new DataLoader(new TensorDataset(rows), options)).toThrow(message);
});
