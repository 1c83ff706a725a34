import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { bufferSink } from "../../src/io/byteSink.js";
import { bytesSource } from "../../src/io/byteSource.js";
import { readSafetensors, writeSafetensors } from "../../src/serialization/safetensors.js";
import type { DType } from "../../src/storage/dtype.js";
import { DTYPES } from "../../src/storage/dtype.js";
import { storedTensor, StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { describeTensor, fixtureBytes, twinOf } from "./twin.js";

const folder = fileURLToPath(new URL("../fixtures/torch/", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));

async function written(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata?: ReadonlyMap<string, string>,
): Promise<Uint8Array> {
  const sink = bufferSink();
  await writeSafetensors(tensors, sink, metadata);
  return sink.bytes();
}

function fileOf(header: string, dataBytes = 0): Uint8Array {
  const json = Buffer.from(header);
  const bytes = new Uint8Array(8 + json.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.byteLength), true);
  bytes.set(json, 8);
  return bytes;
}

test.each(files)("torch/%s holds the tensors that its twin says", async (name) => {
  const { tensors } = await readSafetensors(bytesSource(fixtureBytes(`torch/${name}`)));
  const twin = Object.entries(twinOf(`torch/${name}`).tensors).map(
    // A twin has paths: a name that is no identifier stands in brackets, quoted.
    ([path, tensor]) => [path.startsWith("[") ? (JSON.parse(path) as string[])[0] : path, tensor] as const,
  );
  expect([...tensors.keys()].sort()).toEqual(twin.map(([key]) => key).sort());
  for (const [key, { dtype, shape, stride, storage_offset, sha256, storage_nbytes }] of twin) {
    const tensor = tensors.get(key ?? "");
    if (tensor === undefined) throw new Error(`no tensor ${name}`);
    expect(await describeTensor(tensor)).toEqual({ dtype, shape, stride, storage_offset, sha256, storage_nbytes });
  }
});

test.each(files.filter((name) => !/handmade/.test(name)))(
  "torch/%s, read and written, is the same file",
  async (name) => {
    const bytes = fixtureBytes(`torch/${name}`);
    const { tensors, metadata } = await readSafetensors(bytesSource(bytes));
    expect(Buffer.compare(await written(tensors, metadata), bytes)).toBe(0);
  },
);

test("a header is the same in safetensors' own layout and in any other that JSON allows", async () => {
  const plain =
    '{"__metadata__":{"format":"pt","a}b":"{"},"b.0":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},' +
    '"s":{"dtype":"I8","shape":[],"data_offsets":[8,9]},"__proto__":{"dtype":"U8","shape":[0],"data_offsets":[9,9]}}';
  const spaced = plain.replaceAll(":", " : ").replaceAll(",", " ,\n");
  const members = (text: string): string => JSON.stringify(JSON.parse(text));
  expect(members(spaced)).toBe(members(plain));
  const seen = async (text: string): Promise<object> => {
    const { tensors, metadata } = await readSafetensors(bytesSource(fileOf(text, 9)));
    return {
      tensors: Array.from(tensors, ([name, { dtype, shape, byteLength }]) => [name, dtype, shape, byteLength]),
      metadata: [...metadata],
    };
  };
  const expected = {
    tensors: [
      ["b.0", "float32", [1, 2], 8],
      ["s", "int8", [], 1],
      ["__proto__", "uint8", [0], 0],
    ],
    metadata: [
      ["format", "pt"],
      ["a}b", "{"],
    ],
  };
  for (const text of [plain, `${plain}  `, spaced]) expect(await seen(text)).toEqual(expected);
});

test.each([
  ['{"a":{"dtype":"I8","shape":[01],"data_offsets":[0,1]}}', "at character"],
  ['{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},}', "a name expected"],
  ['{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}}', "more text after the end"],
  [
    '{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}',
    '"a" is there twice',
  ],
  ['{"a":{"dtype":"I8","shape":[9007199254740993],"data_offsets":[0,1]}}', "not made of whole numbers"],
  ['{"a":{"dtype":"I8","shape":[1],"data_offsets":[0]}}', "needs two data_offsets"],
])("a header that is nearly plain is refused for what is wrong with it: %s", async (text, message) => {
  await expect(readSafetensors(bytesSource(fileOf(text, 1)))).rejects.toThrow(message);
});

test("the data is ordered by dtype and name as safetensors orders it", async () => {
  // safetensors 0.8 wrote F64 a, F64 a2, F32 c, F32 e, F16 b, I8 i8, BOOL z (format document, 8).
  const dtypes: readonly [string, DType][] = [
    ["z", "bool"],
    ["i8", "int8"],
    ["b", "float16"],
    ["e", "float32"],
    ["a2", "float64"],
    ["c", "float32"],
    ["a", "float64"],
  ];
  const tensors = dtypes.map(
    ([name, dtype]) =>
      [name, storedTensor({ dtype, shape: [], bytes: new Uint8Array(DTYPES[dtype].itemSize) })] as const,
  );
  const { tensors: read, metadata } = await readSafetensors(bytesSource(await written(new Map(tensors))));
  expect([...read.keys()]).toEqual(["a", "a2", "c", "e", "b", "i8", "z"]);
  expect([...metadata]).toEqual([["format", "pt"]]);
});

test("a transposed view is written in row-major order", async () => {
  const base = storedTensor({ dtype: "int8", shape: [2, 3], bytes: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  const view = new StoredTensor({
    dtype: "int8",
    shape: [3, 2],
    stride: [1, 3],
    storageOffset: 0,
    storage: base.storage,
  });
  const { tensors } = await readSafetensors(bytesSource(await written(new Map([["t", view]]))));
  const tensor = tensors.get("t") ?? base;
  expect([...(await readTensor(tensor)).bytes]).toEqual([1, 4, 2, 5, 3, 6]);
});

test("a dtype that safetensors does not have is refused by name", async () => {
  const tensor = storedTensor({ dtype: "complex128", shape: [1], bytes: new Uint8Array(16) });
  await expect(written(new Map([["z", tensor]]))).rejects.toMatchObject({
    code: "checkpoint.unsupported",
    message: 'tensor "z" is complex128, which safetensors does not have',
  });
});

test.each([
  ["shorter than its length", new Uint8Array(7), "begins with 8 bytes"],
  ["header beyond the end", fileOf("{}").subarray(0, 9), "the header should end at byte 10"],
  ["header too long", Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255), "at most 100000000"],
  ["not JSON", fileOf("{nonsense}"), "not JSON, at character 1"],
  ["not UTF-8", fileOf("{}").with(8, 0xff), "it is not UTF-8"],
  ["a name twice", fileOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}'), '"a" is there twice'],
  ["a field twice", fileOf('{"a":{"dtype":"U8","dtype":"U8"}}'), '"dtype" is there twice'],
  ["text after the header", fileOf("{} x"), "not JSON"],
  ["a gap", fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', 2), "begins at byte 1"],
  ["too much data", fileOf("{}", 1), "the tensors take 0 bytes, and the file has 1"],
  [
    "too little data",
    fileOf('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', 1),
    "take 2 bytes, and the file has 1",
  ],
  ["another shape than bytes", fileOf('{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}', 8), "takes 12 bytes"],
  [
    "a shape that overflows",
    fileOf('{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'),
    "U8 [4294967296",
  ],
  ["a negative shape", fileOf('{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}'), "not made of whole numbers"],
  ["a fraction", fileOf('{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', 1), "not made of whole numbers"],
  ["metadata that is no text", fileOf('{"__metadata__":{"a":1}}'), '__metadata__ "a" is not a string'],
])("a header with %s is malformed", async (_, bytes, message) => {
  await expect(readSafetensors(bytesSource(bytes))).rejects.toMatchObject({
    code: "checkpoint.malformed",
    message: expect.stringContaining(message) as unknown,
  });
});

test("__proto__ is a name like any other", async () => {
  const tensor = storedTensor({ dtype: "uint8", shape: [1], bytes: Uint8Array.of(7) });
  const { tensors } = await readSafetensors(bytesSource(await written(new Map([["__proto__", tensor]]))));
  expect([...tensors.keys()]).toEqual(["__proto__"]);
});

test("whatever is written is read back", async () => {
  const dtype = fc.constantFrom<DType>("float64", "float32", "bfloat16", "uint8", "bool", "complex64", "float8_e5m2");
  const entry = fc.tuple(
    fc.string().filter((name) => name !== "__metadata__"),
    dtype,
    fc.integer({ min: 0, max: 5 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(entry, { selector: ([name]) => name }), async (entries) => {
      const tensors = new Map(
        entries.map(([name, type, count]) => {
          const bytes = new Uint8Array(count * DTYPES[type].itemSize).fill(count);
          return [name, storedTensor({ dtype: type, shape: [count], bytes })];
        }),
      );
      const { tensors: read } = await readSafetensors(bytesSource(await written(tensors)));
      expect(new Set(read.keys())).toEqual(new Set(tensors.keys()));
      for (const [name, tensor] of tensors) {
        const back = read.get(name);
        expect([back?.dtype, back?.shape]).toEqual([tensor.dtype, tensor.shape]);
      }
    }),
    { numRuns: 50 },
  );
});
