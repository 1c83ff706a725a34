import fc from "fast-check";
import { bufferSink } from "../../src/io/byteSink.js";
import { bytesSource } from "../../src/io/byteSource.js";
import { asItems, float, tuple } from "../../src/pickle/convert.js";
import { PyDict, PyGlobal } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { torchLoad } from "../../src/serialization/torchLoad.js";
import { torchSave } from "../../src/serialization/torchSave.js";
import { DTYPES } from "../../src/storage/dtype.js";
import type { DType } from "../../src/storage/dtype.js";
import { storedTensor, StoredTensor } from "../../src/storage/storedTensor.js";
import type { Storage } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { openZip } from "../../src/zip/zipReader.js";
import { spell } from "../pickle/spelling.js";
import { fixtureBytes, loadFixture } from "./twin.js";

async function saved(value: PyValue, prefix?: string): Promise<Uint8Array> {
  const sink = bufferSink();
  await torchSave(value, sink, prefix === undefined ? {} : { prefix });
  return sink.bytes();
}

const again = async (value: PyValue): Promise<PyValue> => (await torchLoad(bytesSource(await saved(value)))).value;

function tensorOf(value: PyValue | undefined): StoredTensor {
  if (value instanceof StoredTensor) return value;
  throw new Error("a tensor was expected");
}

test("the worked example of the format document comes out byte for byte, but for the hash nobody reads", async () => {
  // torch.save({'w': arange(3) as float32, 'n': 1}, 'small.ckpt'): 1563 bytes (1.8).
  const w = storedTensor({ dtype: "float32", shape: [3], bytes: new Uint8Array(Float32Array.of(0, 1, 2).buffer) });
  const bytes = await saved(PyDict.from({ w, n: 1 }), "small");
  expect(bytes.byteLength).toBe(1563);
  const { entries } = await openZip(bytesSource(bytes));
  expect([...entries.values()].map(({ name, crc32, offset }) => [name, crc32, offset]).slice(0, 6)).toEqual([
    ["small/data.pkl", 0xd2d08b98, 0],
    ["small/.format_version", 0x83dcefb7, 0xfd],
    ["small/.storage_alignment", 0xe971773f, 0x151],
    ["small/byteorder", 0x19e33d85, 0x1d2],
    ["small/data/0", entries.get("small/data/0")?.crc32, 0x256],
    ["small/version", 0x55679ed1, 0x2dc],
  ]);
  expect(Buffer.from(bytes.subarray(0x2c0, 0x2cc)).toString("hex")).toBe("000000000000803f00000040");
  expect(Buffer.from(bytes.subarray(0x3c0, 0x3e8)).toString("latin1")).toMatch(/^\d{40}$/);
});

test.each([
  "autoencoder-adam-steplr",
  "conv-batchnorm",
  "tied-weights",
  "param-groups",
  "sgd-nesterov-onecycle",
  "lbfgs",
])("lightning/%s.ckpt, read and saved, is the file that Lightning wrote but for the hash of names", async (name) => {
  const bytes = fixtureBytes(`lightning/${name}.ckpt`);
  const { value, archive } = await loadFixture(`lightning/${name}.ckpt`);
  const ours = await saved(value, archive.prefix);
  expect(ours.byteLength).toBe(bytes.byteLength);
  const theirs = (await openZip(bytesSource(bytes))).entries;
  const written = (await openZip(bytesSource(ours))).entries;
  expect([...written.keys()]).toEqual([...theirs.keys()]);
  for (const [key, entry] of theirs) {
    if (!key.endsWith("/.data/serialization_id")) expect([key, written.get(key)?.crc32]).toEqual([key, entry.crc32]);
  }
  const idOf = async (entries: typeof theirs): Promise<string> =>
    Buffer.from((await entries.get(`${archive.prefix}/.data/serialization_id`)?.bytes()) ?? []).toString("latin1");
  // The second half is made of the checksums, and so it is the same.
  expect((await idOf(written)).slice(20)).toBe((await idOf(theirs)).slice(20));
});

test("a storage that two tensors look into is written once and is one storage again", async () => {
  const whole = storedTensor({
    dtype: "int64",
    shape: [4],
    bytes: new Uint8Array(BigInt64Array.of(1n, 2n, 3n, 4n).buffer),
  });
  const view = new StoredTensor({ dtype: "int64", shape: [2], stride: [2], storageOffset: 1, storage: whole.storage });
  const [a, b] = asItems(await again([whole, view])) ?? [];
  expect(tensorOf(a).storage).toBe(tensorOf(b).storage);
  expect([...new BigInt64Array((await readTensor(tensorOf(b))).bytes.slice().buffer)]).toEqual([2n, 4n]);
});

test("a storage seen as two dtypes is written once, and each tensor keeps its dtype", async () => {
  const z = storedTensor({ dtype: "complex64", shape: [2], bytes: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) });
  const real = new StoredTensor({ dtype: "float32", shape: [2], stride: [2], storageOffset: 0, storage: z.storage });
  const [a, b] = asItems(await again([z, real])) ?? [];
  expect([tensorOf(a).dtype, tensorOf(b).dtype]).toEqual(["complex64", "float32"]);
  expect(tensorOf(a).storage).toBe(tensorOf(b).storage);
  expect([...new Float32Array((await readTensor(tensorOf(b))).bytes.slice().buffer)]).toEqual([1, 3]);
});

test("every dtype survives, also that of a quantized tensor whose scale is not known, as torch writes a view of bytes", async () => {
  for (const [name, { itemSize }] of Object.entries(DTYPES)) {
    const dtype = name as DType;
    const bytes = Uint8Array.from({ length: 3 * itemSize }, (_, i) => i);
    const value = storedTensor({ dtype, shape: [3], bytes });
    const back = await readTensor(tensorOf(await again(value)));
    expect({ ...back, bytes: [...back.bytes] }).toEqual({ dtype, shape: [3], bytes: [...bytes] });
  }
});

test("_metadata, tuples, floats and parameters with attributes are as they were", async () => {
  const state = new PyDict([["w", 1]], "OrderedDict");
  state.attributes = PyDict.from({ _metadata: new PyDict([["", PyDict.from({ version: 1 })]], "OrderedDict") });
  const value = PyDict.from({ state, betas: tuple(float(0.9), float(1)), dtype: new PyGlobal("torch", "float32") });
  expect(spell(await again(value))).toBe(spell(value));
  for (const path of ["torch/tensor-attributes.pt", "torch/parameter.pt", "torch/buffer.pt", "torch/sparse-coo.pt"]) {
    const bytes = fixtureBytes(path);
    const file = await torchLoad(bytesSource(bytes));
    const ours = (await openZip(bytesSource(await saved(file.value)))).entries.get("archive/data.pkl");
    const theirs = (await openZip(bytesSource(bytes))).entries.get(`${file.archive.prefix}/data.pkl`);
    expect(Buffer.from((await ours?.bytes()) ?? []).equals(Buffer.from((await theirs?.bytes()) ?? [0]))).toBe(true);
  }
});

test("a damaged storage is not copied into a new file", async () => {
  const bytes = fixtureBytes("lightning/autoencoder-adam-steplr.ckpt");
  const { entries } = await openZip(bytesSource(bytes));
  const at = (await entries.get("archive/data/0")?.payloadOffset()) ?? 0;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  const { value } = await torchLoad(bytesSource(bytes));
  await expect(saved(value)).rejects.toMatchObject({ code: "checkpoint.malformed" });
});

test("a storage larger than a piece is copied in pieces, and takes the checksum of its file along", async () => {
  const byteLength = 20_000_000;
  const pieces: number[] = [];
  const storage: Storage = {
    byteLength,
    crc32: 1,
    read: (start, end) => {
      pieces.push(end - start);
      return Promise.resolve(new Uint8Array(end - start));
    },
  };
  const value = new StoredTensor({ dtype: "uint8", shape: [byteLength], stride: [1], storageOffset: 0, storage });
  const { entries } = await openZip(bytesSource(await saved(value)));
  const copy = entries.get("archive/data/0");
  expect(copy?.crc32).toBe(1);
  // Damage on the way is seen by whoever reads the copy whole: zeros have another checksum than 1.
  await expect(copy?.bytes()).rejects.toMatchObject({ code: "checkpoint.malformed" });
  expect(Math.max(...pieces)).toBeLessThanOrEqual(1 << 20);
  expect(pieces.reduce((sum, piece) => sum + piece)).toBe(byteLength);
});

test("whatever torchSave writes, torchLoad reads back", async () => {
  const tensor = fc
    .tuple(
      fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
      fc.constantFrom<DType>("float32", "bfloat16", "uint16", "bool"),
    )
    .map(([shape, dtype]) => {
      const numel = shape.reduce((product, size) => product * size, 1);
      return storedTensor({ dtype, shape, bytes: new Uint8Array(numel * DTYPES[dtype].itemSize).fill(numel) });
    });
  const value = fc.dictionary(
    fc.string(),
    fc.oneof(tensor, fc.string(), fc.integer(), fc.array(tensor, { maxLength: 3 })),
  );
  await fc.assert(
    fc.asyncProperty(value, async (object) => {
      const dict = new PyDict(Object.entries(object));
      expect(spell(await again(dict))).toBe(spell(dict));
    }),
    { numRuns: 50 },
  );
});
