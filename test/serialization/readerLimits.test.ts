import { jsonValue } from "../../src/checkpoint/jsonValue.js";
import { tensorValues } from "../../src/checkpoint/tensorText.js";
import { traceGlobals } from "../../src/checkpoint/traceGlobals.js";
import { plainTree } from "../../src/checkpoint/plainTree.js";
import type { ByteSource } from "../../src/io/byteSource.js";
import { bytesSource } from "../../src/io/byteSource.js";
import { tuple } from "../../src/pickle/convert.js";
import { PyGlobal, PyObject } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { readNpyFile } from "../../src/serialization/npzReader.js";
import { PickleStream } from "../../src/serialization/pickleStream.js";
import { parsePythonLiteral } from "../../src/serialization/pythonLiteral.js";
import { readShardIndex } from "../../src/serialization/shardIndex.js";
import { readTar } from "../../src/serialization/tarReader.js";
import { torchLoad } from "../../src/serialization/torchLoad.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { rawZip } from "../zip/rawZip.js";

/** A source that says it is this long, and of which nothing may be read beyond `readable`. */
function long(byteLength: number, beginning: Uint8Array, readable = byteLength): ByteSource {
  return {
    byteLength,
    read: (start, end) => {
      if (end > readable) throw new Error(`bytes ${start} to ${end} were read`);
      const bytes = new Uint8Array(end - start);
      bytes.set(beginning.subarray(start, end));
      return Promise.resolve(bytes);
    },
  };
}

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

test("an .npy header of more than 10,000 bytes is not read, as numpy does not", async () => {
  const npy = new Uint8Array([0x93, ...ascii("NUMPY"), 2, 0, 0x11, 0x27, 0, 0]); // version 2.0, 0x2711 = 10,001
  await expect(readNpyFile(long(20_000, npy))).rejects.toThrow(
    "has a header of 10001 bytes; more than 10000 are not read",
  );
});

test("a header of numpy that nests deeper than 32 is none", () => {
  expect(parsePythonLiteral("(".repeat(20) + ")".repeat(20))).toBeDefined();
  expect(parsePythonLiteral("(".repeat(40) + ")".repeat(40))).toBeUndefined();
  expect(parsePythonLiteral("[".repeat(1_000_000))).toBeUndefined();
});

test("a tar archive of more than 64 members is none of torch 0.1", async () => {
  const member = new Uint8Array(512);
  member.set(ascii("x"));
  member.set(ascii("00000000000\0"), 124);
  const members = new Uint8Array(512 * 70);
  for (let at = 0; at < members.length; at += 512) members.set(member, at);
  await expect(readTar(bytesSource(members))).rejects.toThrow("the archive has more than 64 members");
});

test("an index of shards of more than 256 MiB is not read", async () => {
  await expect(readShardIndex(long(2 ** 28 + 1, ascii("{"), 0))).rejects.toThrow("more than 268435456 are not read");
});

test("a pickle that has no end within 256 MiB is given up, before it has been read", async () => {
  const begun = new Uint8Array([0x80, 2, 0x58, 0xff, 0xff, 0xff, 0x7f]); // a text of 2^31 - 1 bytes
  const stream = new PickleStream(long(2 ** 33, begun, 1 << 20));
  await expect(stream.next("the object")).rejects.toThrow("the object has no end within 268435456 bytes");
});

test.each([
  ["archive/version", "11\n", "torch's file versions are 1 to 10"],
  ["archive/version", "3".repeat(65), "should be one word, and is 65 bytes long"],
  ["archive/byteorder", "little".repeat(20), "should be one word, and is 120 bytes long"],
])("a record %s of %j is refused", async (name, text, message) => {
  const records = [{ name: "archive/data.pkl", payload: ascii("\x80\x02}.") }];
  await expect(torchLoad(bytesSource(rawZip([...records, { name, payload: ascii(text) }])))).rejects.toThrow(message);
});

test("more than 2^20 numbers are not written as JSON", async () => {
  const storage = { byteLength: 4, read: () => Promise.resolve(new Uint8Array(4)) };
  const shape = [2 ** 20 + 1];
  const tensor = new StoredTensor({ dtype: "float32", shape, stride: [0], storageOffset: 0, storage });
  await expect(tensorValues(tensor)).rejects.toThrow(
    "the tensor has 1048577 numbers; up to 1048576 are written as JSON",
  );
});

test("a list that is shared without end is written out so often and no more", () => {
  let lists: PyValue = [1];
  for (let level = 0; level < 12; level += 1) lists = Array.from({ length: 10 }, () => lists);
  // 10,000 repeats of at most ten items, and not the 10^12 that the references spell.
  expect(JSON.stringify(jsonValue(lists)).length).toBeLessThan(1_000_000);
});

test("of a name that is used everywhere a hundred paths are kept, and all uses counted", () => {
  const global = new PyGlobal("acme", "Thing");
  const uses = traceGlobals(Array.from({ length: 5000 }, () => new PyObject(global, tuple())));
  expect(uses.get("acme.Thing")?.count).toBe(5000);
  expect(uses.get("acme.Thing")?.paths).toHaveLength(100);
});

test("a range of more than 10,000 numbers is not written out", () => {
  const range = (stop: number): PyObject => new PyObject(new PyGlobal("builtins", "range"), tuple(0, stop, 1));
  expect(plainTree([range(10_000)]).notes[0]?.became).toBe("a list of 10000");
  expect(plainTree([range(1e15)]).notes[0]?.became).not.toMatch(/list/);
  // In all 2^20 numbers: a hundred and four such lists, and one that is used again and again is one.
  const ranges = plainTree(Array.from({ length: 300 }, () => range(10_000))).notes;
  expect(ranges.filter(({ became }) => became === "a list of 10000")).toHaveLength(104);
  const one = range(10_000);
  const [first, second] = plainTree([one, one]).root as PyValue[];
  expect(first).toBe(second);
});
