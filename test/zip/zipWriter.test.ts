import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bufferSink } from "../../src/io/byteSink.js";
import { bytesSource } from "../../src/io/byteSource.js";
import { directoryEntry, endRecords, localHeader } from "../../src/zip/torchLayout.js";
import { openZip } from "../../src/zip/zipReader.js";
import { ZipWriter } from "../../src/zip/zipWriter.js";
import { fixtureBytes, twinOf } from "../serialization/twin.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

/** Archives that something else than torch wrote, or torch with its checksums off. */
const NOT_AS_TORCH_WRITES =
  /zip-(central|comment|crc32-off|directory|extra|leading|prefix|rezipped|trailing|zip64)|byteorder-(?:unknown|big-every-dtype)/;

const written = ["lightning", "torch"].flatMap((folder) =>
  readdirSync(FIXTURES + folder)
    .filter((name) => /\.(ckpt|pt|pth|bin)$/.test(name) && !name.startsWith("dcp-") && !NOT_AS_TORCH_WRITES.test(name))
    .map((name) => `${folder}/${name}`)
    .filter((path) => twinOf(path).container === "torch-zip"),
);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

async function rewrite(bytes: Uint8Array, alignment: number): Promise<Uint8Array> {
  const sink = bufferSink();
  const writer = new ZipWriter(sink, { alignment });
  for (const entry of (await openZip(bytesSource(bytes))).entries.values())
    await writer.add(entry.name, await entry.bytes());
  await writer.finish();
  return sink.bytes();
}

test.each(written)("%s written again from its own records is the same file, byte for byte", async (path) => {
  const bytes = fixtureBytes(path);
  const alignment = Number(/alignment-(\d+)/.exec(path)?.[1] ?? 64);
  expect(Buffer.compare(await rewrite(bytes, alignment), bytes)).toBe(0);
});

test("a record of 4 GiB + 64 bytes has torch's zip64 block, with no compressed length in the local header", () => {
  const length = 2 ** 32 + 64;
  // 30 + 1 + 20 + 4 bytes, then 9 of padding; the block as real torch wrote it (format document, 1.4).
  const header = localHeader("a", length, 0, 64);
  expect(header.byteLength).toBe(64);
  expect(hex(header.subarray(31, 51))).toBe("0100100040000000010000000000000000000000");
  const entry = directoryEntry({ name: "a", crc32: 0, byteLength: length, offset: 0 });
  expect(hex(entry.subarray(20, 28))).toBe("ffffffffffffffff");
  expect(hex(entry.subarray(47))).toBe("0100100040000000010000004000000001000000");
});

test("a small record beyond 4 GiB carries its offset in 64 bits", () => {
  const offset = 2 ** 32;
  const header = localHeader("a", 12, offset, 64);
  expect(hex(header.subarray(31, 43))).toBe("010008000000000001000000");
  expect((offset + header.byteLength) % 64).toBe(0);
  const entry = directoryEntry({ name: "a", crc32: 0, byteLength: 12, offset });
  expect(hex(entry.subarray(42, 46))).toBe("ffffffff");
});

test("70000 records saturate the short end record and are counted in the long one", () => {
  const end = endRecords(70_000, 5, 7);
  expect(hex(end.subarray(24, 40))).toBe("70110100000000007011010000000000");
  expect(hex(end.subarray(84, 88))).toBe("ffffffff");
});

test("a name twice, or content of another length than promised, is a mistake of the caller", async () => {
  const writer = new ZipWriter(bufferSink());
  await writer.add("a", Uint8Array.of(1));
  await expect(writer.add("a", Uint8Array.of(1))).rejects.toThrow(TypeError);
  await expect(writer.add("b", { byteLength: 3, chunks: () => [Uint8Array.of(1)] })).rejects.toThrow(TypeError);
});
