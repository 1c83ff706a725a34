import { deflateRawSync } from "node:zlib";
import { bytesSource } from "../../src/io/byteSource.js";
import type { ByteSource } from "../../src/io/byteSource.js";
import { checksum } from "../../src/zip/checksum.js";
import { openZip } from "../../src/zip/zipReader.js";
import type { ZipEntry } from "../../src/zip/zipReader.js";
import { rawZip } from "./rawZip.js";

/** 80 MiB that compress a little: larger than what is unpacked at once. */
const LARGE = Buffer.alloc(80 << 20);
for (let at = 0; at < LARGE.length; at += 64) LARGE.writeUInt32LE((at * 2654435761) >>> 0, at);

async function onlyEntry(bytes: Uint8Array): Promise<ZipEntry> {
  const { entries } = await openZip(bytesSource(bytes));
  const [entry] = entries.values();
  if (entry === undefined) throw new Error("there is a record");
  return entry;
}

async function gathered(entry: ZipEntry): Promise<{ readonly bytes: Buffer; readonly longest: number }> {
  const parts: Buffer[] = [];
  for await (const chunk of entry.chunks()) parts.push(Buffer.from(chunk));
  return { bytes: Buffer.concat(parts), longest: Math.max(0, ...parts.map((part) => part.byteLength)) };
}

const deflated = deflateRawSync(LARGE, { level: 1 });
const packed = (fields: Partial<Parameters<typeof rawZip>[0][number]> = {}): Uint8Array =>
  rawZip([{ name: "p/x", payload: deflated, method: 8, byteLength: LARGE.length, crc32: checksum(LARGE), ...fields }]);

test.each([
  ["a stored record", rawZip([{ name: "p/x", payload: LARGE }])],
  ["a compressed record", packed()],
])("%s comes in pieces that are together its content", async (_, bytes) => {
  const { bytes: content, longest } = await gathered(await onlyEntry(bytes));
  expect(content.equals(LARGE)).toBe(true);
  expect(longest).toBeLessThanOrEqual(1 << 20);
});

test("ranges of a large compressed record are what the record holds there, in any order, several at a time", async () => {
  const entry = await onlyEntry(packed());
  const ranges: [number, number][] = [
    [0, 10],
    [70 << 20, (70 << 20) + 1000],
    [5, 3_000_000],
    [LARGE.length - 1, LARGE.length],
    [100, 100],
    [1 << 18, (1 << 18) + 1],
  ];
  const found = await Promise.all(ranges.map(([start, end]) => entry.read(start, end)));
  for (const [i, [start, end]] of ranges.entries()) {
    expect(Buffer.from(found[i] ?? []).equals(LARGE.subarray(start, end))).toBe(true);
  }
});

test.each([
  ["a bit is wrong in a stored record", () => rawZip([{ name: "p/x", payload: LARGE, crc32: 1 }]), "checksum is"],
  ["a bit is wrong in a compressed record", () => packed({ crc32: 1 }), "checksum is"],
  ["more comes out than is said", () => packed({ byteLength: LARGE.length - 1 }), "holds more than"],
  ["less comes out than is said", () => packed({ byteLength: LARGE.length + 1 }), "and the directory says"],
  ["the compressed bytes end early", () => packed({ payload: deflated.subarray(0, -100) }), "cannot be decompressed"],
  [
    "more is promised than DEFLATE can make",
    () => packed({ payload: deflated.subarray(0, 1000), byteLength: 2_000_000 }),
    "claims to hold",
  ],
  ["the method is unknown", () => packed({ method: 14 }), "compressed with lzma"],
])("when %s, that is the error", async (_, bytes, message) => {
  await expect(gathered(await onlyEntry(bytes()))).rejects.toThrow(message);
});

test("a record that is not read to its end leaves nothing running", async () => {
  const entry = await onlyEntry(packed());
  for await (const chunk of entry.chunks()) {
    expect(chunk.byteLength).toBeGreaterThan(0);
    break;
  }
});

test("a file that cannot be read half-way through fails with its own error", async () => {
  const bytes = packed();
  const inner = bytesSource(bytes);
  const source: ByteSource = {
    byteLength: inner.byteLength,
    read: (start, end) =>
      start > 2 << 20 && end < bytes.length - (1 << 15)
        ? Promise.reject(new Error("bad disk"))
        : inner.read(start, end),
  };
  const [entry] = (await openZip(source)).entries.values();
  if (entry === undefined) throw new Error("there is a record");
  await expect(gathered(entry)).rejects.toThrow("bad disk");
});
