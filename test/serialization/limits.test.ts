import { deflateRawSync } from "node:zlib";
import { describeValue } from "../../src/checkpoint/describeValue.js";
import { tensorsOf } from "../../src/checkpoint/treePaths.js";
import { bytesSource } from "../../src/io/byteSource.js";
import { PyDict } from "../../src/pickle/values.js";
import { unpickle } from "../../src/pickle/unpickler.js";
import { parseJson } from "../../src/serialization/json.js";
import { readSafetensors } from "../../src/serialization/safetensors.js";
import { torchLoad } from "../../src/serialization/torchLoad.js";
import { openZip } from "../../src/zip/zipReader.js";
import { rawZip } from "../zip/rawZip.js";

/** A torch archive around a pickle. */
function archive(
  pickle: Uint8Array,
  fields: { readonly method?: number; readonly byteLength?: number } = {},
): Uint8Array {
  return rawZip([
    { name: "archive/data.pkl", payload: pickle, ...fields },
    { name: "archive/data/0", payload: new Uint8Array(24) },
    { name: "archive/version", payload: Buffer.from("3\n") },
  ]);
}
const load = (bytes: Uint8Array): Promise<unknown> => torchLoad(bytesSource(bytes));
const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

test("a pickle that is packed more than a hundredfold is not unpacked", async () => {
  const size = 64 << 20;
  const packed = deflateRawSync(Buffer.alloc(size));
  const before = process.memoryUsage.rss();
  await expect(load(archive(packed, { method: 8, byteLength: size }))).rejects.toThrow(
    "a pickle that shrinks to less than a 100th is not read",
  );
  expect(process.memoryUsage.rss() - before).toBeLessThan(size);
});

test("a compressed record that is much longer than what it says it holds is refused with the directory", async () => {
  const payload = deflateRawSync(Buffer.alloc(1 << 24));
  await expect(openZip(bytesSource(rawZip([{ name: "a/x", payload, method: 8, byteLength: 24 }])))).rejects.toThrow(
    "compressed bytes for the 24 it says it holds",
  );
  // What cannot be compressed grows a little: that is no lie.
  const random = Buffer.from(Array.from({ length: 9000 }, (_, i) => (i * 2654435761) >>> 13));
  const grown = rawZip([{ name: "a/x", payload: deflateRawSync(random), method: 8, byteLength: 9000 }]);
  expect((await openZip(bytesSource(grown))).entries.size).toBe(1);
});

test("a central directory that says it is a gigabyte long is not read", async () => {
  const source = {
    byteLength: 2 ** 31,
    read: (start: number, end: number) => {
      const bytes = Buffer.alloc(end - start);
      const at = bytes.length - 22;
      bytes.writeUInt32LE(0x06054b50, at);
      bytes.writeUInt16LE(9, at + 8);
      bytes.writeUInt16LE(9, at + 10);
      bytes.writeUInt32LE(2 ** 30, at + 12);
      bytes.writeUInt32LE(2 ** 31 - 22 - 2 ** 30, at + 16);
      return Promise.resolve(bytes);
    },
  };
  await expect(openZip(source)).rejects.toThrow("are not read");
});

test("records that lie over each other, or reach into the directory, are refused", async () => {
  const payload = Buffer.alloc(100);
  const over = rawZip([
    { name: "a/x", payload },
    { name: "a/y", payload, offset: 50 },
  ]);
  await expect(openZip(bytesSource(over))).rejects.toThrow("overlap");
  const beyond = rawZip([{ name: "a/x", payload, byteLength: 5000, compressedLength: 5000 }]);
  await expect(openZip(bytesSource(beyond))).rejects.toThrow("but the central directory begins at byte");
});

test.each([
  [
    "a list that holds itself through a hundred thousand levels",
    `${"(".repeat(100_000)}l${"t".repeat(99_999)}.`,
    "deep",
  ],
  ["a key of a million parts", `}(${"N".repeat(1_000_000)}tNs.`, "parts"],
  ["a whole number of 5000 digits", `I${"9".repeat(5000)}\n.`, "more than 4300 digits"],
  ["a name of two megabytes", `c${"a".repeat(2 << 20)}\nb\n.`, "longer than 1048576 bytes"],
  [
    "a list copied a thousand times",
    `](${"N".repeat(9000)}eq\x00${"0cbuiltins\nlist\nh\x00\x85R".repeat(50)}.`,
    "copies more than",
  ],
  [
    "a long key that is used again and again",
    `}((${"N".repeat(9000)}tq\x00N${"h\x00N".repeat(200)}u.`,
    "copies more than",
  ],
  [
    "a set that is made of a long tuple again and again",
    `(${"N".repeat(9000)}tq\x00]q\x01(${"h\x00".repeat(200)}e0cbuiltins\nset\nh\x01\x85R.`,
    "copies more than",
  ],
])("%s is refused", (_, program, message) => {
  expect(() => unpickle(ascii(program))).toThrow(message);
});

test("references to one list, ten levels of ten, stay references, and are shown in a line of a page", () => {
  const level = (i: number): string => `]q${String.fromCharCode(i + 1)}(${`h${String.fromCharCode(i)}`.repeat(10)}e`;
  const program = `]q\x00${Array.from({ length: 10 }, (_, i) => level(i)).join("")}.`;
  const laughs = unpickle(ascii(program));
  expect(describeValue(laughs).length).toBeLessThan(10_000);
});

test("a long key spelled in the paths of all that is below it is refused before the paths fill memory", () => {
  const key = "k".repeat(200_000);
  const inner = new PyDict(Array.from({ length: 3000 }, (_, i) => [`t${i}`, i]));
  expect(() => tensorsOf(new PyDict([[key, inner]]))).toThrow("characters long together");
  let deep = new PyDict();
  for (let i = 0; i < 10; i += 1) deep = new PyDict([[key, deep]]);
  expect(() => tensorsOf(deep)).toThrow("a path in the file is");
});

test("JSON that nests deeper than a header does is refused, however deep", () => {
  expect(() => parseJson("[".repeat(1_000_000))).toThrow("more than 16 levels");
});

test("a safetensors header of a million members is read in their number, not its square", async () => {
  const members = Array.from({ length: 50_000 }, (_, i) => `"t${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`);
  const header = Buffer.from(`{${members.join(",")}}`);
  const length = Buffer.alloc(8);
  length.writeUInt32LE(header.length);
  const began = performance.now();
  const { tensors } = await readSafetensors(bytesSource(Buffer.concat([length, header])));
  expect(tensors.size).toBe(50_000);
  expect(performance.now() - began).toBeLessThan(10_000);
});
