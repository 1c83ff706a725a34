import { deflateRawSync } from "node:zlib";
import { readShownItems } from "../../src/checkpoint/shownItems.js";
import { bytesSource } from "../../src/io/byteSource.js";
import { asDict } from "../../src/pickle/convert.js";
import { pickle } from "../../src/pickle/pickler.js";
import { PyDict, PyGlobal, PyObject, PyTuple } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { readDistributed } from "../../src/serialization/distributed.js";
import { nestedRows } from "../../src/serialization/nestedTensor.js";
import { loadTar } from "../../src/serialization/tarLoad.js";
import type { TensorLayout } from "../../src/serialization/tensorParts.js";
import { torchLoad } from "../../src/serialization/torchLoad.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { checkReadable, readTensor } from "../../src/storage/strided.js";
import { openZip } from "../../src/zip/zipReader.js";
import { rawZip } from "../zip/rawZip.js";

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const malformed = (message: string): object => ({
  code: "checkpoint.malformed",
  message: expect.stringContaining(message) as unknown,
});

/** A tensor of so many elements that are all the same few bytes, of which none may be read. */
function repeated(dtype: "int8" | "int64" | "float32", numel: number, byteLength = 8): StoredTensor {
  const storage = { byteLength, read: () => Promise.reject(new Error("the storage was read")) };
  return new StoredTensor({ dtype, shape: [numel], stride: [0], storageOffset: 0, storage });
}

test("a record that promises more than DEFLATE can make of its bytes is not unpacked", async () => {
  const payload = deflateRawSync(Buffer.alloc(4096));
  const zip = await openZip(bytesSource(rawZip([{ name: "a/x", payload, method: 8, byteLength: 1 << 20 }])));
  await expect(zip.entries.get("a/x")?.bytes()).rejects.toMatchObject(
    malformed(`record "a/x" at byte 0 claims to hold 1048576 bytes in ${payload.byteLength} compressed ones`),
  );
});

test("a record of more than 64 MiB is not unpacked at once to read its first byte", async () => {
  const byteLength = (1 << 26) + 1;
  const payload = deflateRawSync(Buffer.alloc(byteLength, 7));
  const zip = await openZip(bytesSource(rawZip([{ name: "a/x", payload, method: 8, byteLength }])));
  const bytes = await zip.entries.get("a/x")?.read(0, 1);
  expect(bytes).toEqual(new Uint8Array([7]));
  expect(bytes?.buffer.byteLength).toBeLessThan(1 << 22);
});

test("a pickle of more than 256 MiB is not unpacked, however little it is packed", async () => {
  const data = { name: "archive/data.pkl", payload: Buffer.alloc(2_700_000), method: 8, byteLength: 2 ** 28 + 1 };
  const file = rawZip([data, { name: "archive/version", payload: ascii("3\n") }]);
  await expect(torchLoad(bytesSource(file))).rejects.toMatchObject(
    malformed('record "archive/data.pkl" is 268435457 bytes long; a pickle of more than 268435456 is not read'),
  );
});

test("a tensor of more than 64 dimensions is none, and the place is named", async () => {
  const program = (rank: number): Uint8Array => {
    const ones = `(${"K\x01".repeat(rank)}t`;
    const storage = "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01tQ";
    return ascii(
      `\x80\x02}X\x0a\0\0\0state_dict}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(${storage}K\0${ones}${ones}\x89}tRss.`,
    );
  };
  const load = (payload: Uint8Array): Promise<unknown> => {
    const records = [
      { name: "archive/data.pkl", payload },
      { name: "archive/data/0", payload: new Uint8Array(4) },
    ];
    return torchLoad(bytesSource(rawZip(records)));
  };
  expect(await load(program(64))).toBeDefined();
  const place = `archive/data.pkl, byte ${program(65).byteLength - 4} (REDUCE), in state_dict["w"]`;
  await expect(load(program(65))).rejects.toMatchObject(
    malformed(`${place}: a tensor has 65 dimensions; more than 64 are not read`),
  );
});

test("a tensor that is larger than an array, or an expanded one of more than 1 GiB, is refused before it is read", async () => {
  const place = { dtype: "int8", stride: [1], storageOffset: 0 } as const;
  const storage = { byteLength: 2 ** 33, read: () => Promise.reject(new Error("the storage was read")) };
  await expect(readTensor(new StoredTensor({ ...place, shape: [2 ** 32], storage }))).rejects.toMatchObject({
    code: "checkpoint.unsupported",
    message: "a tensor int8 [4294967296] takes 4294967296 bytes; up to 4294967295 are read at once",
  });
  checkReadable(repeated("float32", 2 ** 28));
  expect(() => {
    checkReadable(repeated("float32", 2 ** 28 + 1));
  }).toThrow("takes 1073741828 bytes; up to 1073741824 are read at once");
});

test("more than 2^20 numbers of a tensor are not shown", async () => {
  await expect(readShownItems(repeated("int8", 2 ** 20 + 1), 2 ** 20)).rejects.toMatchObject({
    code: "checkpoint.unsupported",
    message: "1048577 numbers would be shown; up to 1048576 are",
  });
});

test.each<[TensorLayout, string, readonly string[]]>([
  ["nested_strided", "sizes", ["strides", "storage_offsets"]],
  ["nested_jagged", "offsets", []],
  ["nested_jagged", "lengths", ["offsets"]],
])("a %s tensor with more than 2^20 %s is refused before they are read", async (layout, large, small) => {
  const none = { byteLength: 0, read: () => Promise.resolve(new Uint8Array(0)) };
  const empty = new StoredTensor({ dtype: "int64", shape: [0], stride: [1], storageOffset: 0, storage: none });
  const parts = new Map([
    ["buffer", repeated("float32", 2)],
    ["values", repeated("float32", 2)],
    ...small.map((name) => [name, empty] as const),
    [large, repeated("int64", 2 ** 20 + 1)],
  ]);
  const nothing = { dtype: null, shape: null, className: null, requiresGrad: false, isCoalesced: null };
  await expect(nestedRows({ ...nothing, layout, raggedAxis: 1, parts }, "batch.x")).rejects.toMatchObject(
    malformed(`batch.x: a nested tensor has ${large} of 1048577 numbers; more than 1048576 are not read`),
  );
});

/** A tar archive of torch 0.1 with these members. */
function tar(members: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const blocks = Object.entries(members).flatMap(([name, content]) => {
    const header = new Uint8Array(512);
    header.set(ascii(name));
    header.set(ascii(`${content.byteLength.toString(8).padStart(11, "0")}\0`), 124);
    return [header, content, new Uint8Array(-content.byteLength & 511)];
  });
  return new Uint8Array(Buffer.concat([...blocks, new Uint8Array(1024)]));
}

test("a tar file of torch 0.1 that says it has more than 2^20 storages or tensors, or a tensor of 65 dimensions, is refused", async () => {
  const many = pickle(2 ** 20 + 1);
  await expect(loadTar(bytesSource(tar({ storages: many })))).rejects.toMatchObject(
    malformed("says at byte 512 that it has 1048577 storages; more than 1048576 are not read"),
  );
  const storages = new Uint8Array([...pickle(0), ...pickle([])]);
  await expect(loadTar(bytesSource(tar({ storages, tensors: many })))).rejects.toMatchObject(
    malformed("says at byte 1536 that it has 1048577 tensors; more than 1048576 are not read"),
  );
  const key = pickle(new PyTuple(["1", "2", new PyGlobal("torch", "FloatTensor")]));
  const tensors = new Uint8Array([...pickle(1), ...key, 65, 0, 0, 0, 0, 0, 0, 0, ...new Uint8Array(2000)]);
  await expect(loadTar(bytesSource(tar({ storages, tensors })))).rejects.toMatchObject(
    malformed(`has a tensor of 65 dimensions at byte ${1536 + pickle(1).byteLength + key.byteLength}`),
  );
});

test("modules that are used twice on each of thirty levels are refused before 2^30 names are made", async () => {
  const module = (index: number, slots: string): string =>
    `c__torch__\nM\n)\x81}(${slots}ubq${String.fromCharCode(index)}`;
  let program = module(0, "");
  for (let level = 1; level <= 30; level += 1) {
    const inner = `h${String.fromCharCode(level - 1)}`;
    program += module(level, `X\x01\0\0\0a${inner}X\x01\0\0\0b${inner}`);
  }
  const file = rawZip([
    { name: "m/version", payload: ascii("3\n") },
    { name: "m/data.pkl", payload: ascii(`\x80\x02${program}.`) },
    { name: "m/constants.pkl", payload: ascii("\x80\x02).") },
    { name: "m/code/__torch__/other.py", payload: ascii("\n") },
  ]);
  await expect(torchLoad(bytesSource(file))).rejects.toMatchObject(
    malformed("have names of more than 4194304 characters together, at a.a.a."),
  );
});

test("a configuration of OmegaConf is as small as in the file: what is shared stays shared, at any depth, and a cycle ends", () => {
  const config = (content: PyValue): PyObject => {
    const object = new PyObject(new PyGlobal("omegaconf.dictconfig", "DictConfig"), new PyTuple([]), { how: "newobj" });
    object.state = PyDict.from({ _content: content });
    return object;
  };
  let shared = config(PyDict.from({ lr: 1 }));
  for (let level = 0; level < 300; level += 1) shared = config(PyDict.from({ a: shared, b: shared }));
  let found = asDict(shared);
  for (let level = 0; level < 300; level += 1) {
    expect(found?.get("a")).toBe(found?.get("b"));
    found = asDict(found?.get("b"));
  }
  expect(found?.get("lr")).toBe(1);
  const round = new PyDict();
  const loop = config(round);
  round.set("itself", loop);
  const opened = asDict(loop);
  expect(opened?.get("itself")).toBe(opened);
  const list = Array.from({ length: 1000 }, () => 1);
  const lists = Array.from({ length: 1000 }, () => config(list));
  const items = asDict(config(PyDict.from({ lists: config(lists) })))?.get("lists") as PyValue[];
  expect(new Set(items).size).toBe(1);
});

/** `.metadata` of a distributed checkpoint whose objects lie at these places of one file. */
function metadata(places: Readonly<Record<string, readonly [offset: number, length: number]>>): Uint8Array {
  const made = (name: string, fields: Readonly<Record<string, PyValue>>): PyObject => {
    const global = new PyGlobal("torch.distributed.checkpoint.metadata", name);
    const object = new PyObject(global, new PyTuple([]), { how: "newobj" });
    object.state = PyDict.from(fields);
    return object;
  };
  const items = Object.entries(places).map(([fqn, [offset, length]]) => {
    const index = made("MetadataIndex", { fqn, offset: null });
    return [index, made("_StorageInfo", { relative_path: "__0_0.distcp", offset, length })] as const;
  });
  const entries = Object.keys(places).map((name) => [name, made("BytesStorageMetadata", {})] as const);
  return pickle(made("Metadata", { state_dict_metadata: new PyDict(entries), storage_data: new PyDict(items) }));
}

test("objects of a distributed checkpoint each have bytes of their own in the file, and no more than it has", async () => {
  const object = rawZip([
    { name: "archive/data.pkl", payload: ascii("\x80\x02K\x07.") },
    { name: "archive/version", payload: ascii("3\n") },
  ]);
  const read = (places: Parameters<typeof metadata>[0]): Promise<unknown> =>
    readDistributed(bytesSource(metadata(places)), (_, start, byteLength) => ({
      byteLength,
      read: (from, to) => bytesSource(object).read(start + from, start + to),
    }));
  const { length } = object;
  expect(await read({ epoch: [0, length] })).toMatchObject({ root: PyDict.from({ epoch: 7 }) });
  await expect(read({ epoch: [0, length], step: [0, length] })).rejects.toMatchObject(
    malformed(`.metadata puts "step" at byte 0 of __0_0.distcp, where "epoch" ends at byte ${length}`),
  );
  await expect(read({ epoch: [0, 2 ** 40] })).rejects.toMatchObject(malformed('__0_0.distcp: "epoch" at byte 0'));
});
