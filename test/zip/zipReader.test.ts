import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { bufferSink } from "../../src/io/byteSink.js";
import { bytesSource } from "../../src/io/byteSource.js";
import type { ByteSource } from "../../src/io/byteSource.js";
import { checksum } from "../../src/zip/checksum.js";
import { directoryEntry, endRecords, localHeader } from "../../src/zip/torchLayout.js";
import { openZip } from "../../src/zip/zipReader.js";
import { ZipWriter } from "../../src/zip/zipWriter.js";
import { fixtureBytes } from "../serialization/twin.js";

const CHECKPOINT = "lightning/autoencoder-adam-steplr.ckpt";

async function zipOf(records: Iterable<readonly [string, Uint8Array]>): Promise<Uint8Array> {
  const sink = bufferSink();
  const writer = new ZipWriter(sink);
  for (const [name, bytes] of records) await writer.add(name, bytes);
  await writer.finish();
  return sink.bytes();
}

/** The same bytes, and a list of the ranges that were read. */
function watched(source: ByteSource): ByteSource & { readonly ranges: [number, number][] } {
  const ranges: [number, number][] = [];
  return {
    ranges,
    byteLength: source.byteLength,
    read: (start, end) => {
      ranges.push([start, end]);
      return source.read(start, end);
    },
  };
}

test("whatever ZipWriter writes, openZip reads, whole or in parts", async () => {
  const records = fc.uniqueArray(
    fc.tuple(fc.string({ unit: "grapheme", minLength: 1 }), fc.uint8Array({ maxLength: 300 })),
    {
      selector: ([name]) => name,
      maxLength: 20,
    },
  );
  await fc.assert(
    fc.asyncProperty(records, async (pairs) => {
      const { entries } = await openZip(bytesSource(await zipOf(pairs)));
      expect([...entries.keys()]).toEqual(pairs.map(([name]) => name));
      for (const [name, bytes] of pairs) {
        const entry = entries.get(name);
        expect(Buffer.from((await entry?.bytes()) ?? []).equals(Buffer.from(bytes))).toBe(true);
        const middle = Math.floor(bytes.byteLength / 2);
        expect(Buffer.from((await entry?.read(middle, bytes.byteLength)) ?? [])).toEqual(
          Buffer.from(bytes.subarray(middle)),
        );
      }
    }),
    { numRuns: 50 },
  );
});

test("opening reads the end and the directory, and no record", async () => {
  const big = new Uint8Array(1 << 20);
  const source = watched(
    bytesSource(
      await zipOf([
        ["p/a", big],
        ["p/b", big],
      ]),
    ),
  );
  await openZip(source);
  expect(source.ranges).toEqual([[source.byteLength - (1 << 14), source.byteLength]]);
});

test("a directory beyond 4 GiB is found and read, and so are the records there", async () => {
  const payload = Buffer.from("far away");
  const offset = 5 * 2 ** 30;
  const record = { name: "p/far", crc32: checksum(payload), byteLength: payload.byteLength, offset };
  const header = localHeader(record.name, record.byteLength, offset, 64);
  const directory = directoryEntry(record);
  const directoryOffset = offset + header.byteLength + payload.byteLength;
  const tail = Buffer.concat([header, payload, directory, endRecords(1, directoryOffset, directory.byteLength)]);
  const source: ByteSource = {
    byteLength: offset + tail.byteLength,
    read: (start, end) => {
      const bytes = new Uint8Array(end - start); // what lies before is a hole of zeros
      bytes.set(tail.subarray(Math.max(0, start - offset), end - offset), Math.max(0, offset - start));
      return Promise.resolve(bytes);
    },
  };
  const { entries, zip64 } = await openZip(source);
  expect(zip64).toBe(true);
  expect(Buffer.from((await entries.get("p/far")?.bytes()) ?? []).toString()).toBe("far away");
});

test("a deflated record is unpacked, and a lie about its length is found", async () => {
  const content = Buffer.from("ha".repeat(1000));
  const packed = deflateRawSync(content);
  const build = (claimed: number): Uint8Array => {
    const header = Buffer.from(localHeader("p/x", packed.byteLength, 0, 64));
    header.writeUInt16LE(8, 8);
    const entry = Buffer.from(
      directoryEntry({ name: "p/x", crc32: checksum(content), byteLength: packed.byteLength, offset: 0 }),
    );
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(claimed, 24);
    const at = header.byteLength + packed.byteLength;
    return new Uint8Array(Buffer.concat([header, packed, entry, endRecords(1, at, entry.byteLength)]));
  };
  const entry = (await openZip(bytesSource(build(2000)))).entries.get("p/x");
  expect(Buffer.from((await entry?.bytes()) ?? []).equals(content)).toBe(true);
  expect(Buffer.from((await entry?.read(1, 5)) ?? []).toString()).toBe("ahah");
  for (const lie of [1999, 2001, 2 ** 31]) {
    const lying = (await openZip(bytesSource(build(lie)))).entries.get("p/x");
    await expect(lying?.bytes()).rejects.toMatchObject({ code: "checkpoint.malformed" });
  }
});

test("a changed byte in a record is found when the record is read", async () => {
  const bytes = await zipOf([["p/a", new Uint8Array(100)]]);
  bytes[70] = 1; // the payload begins at byte 64
  const entry = (await openZip(bytesSource(bytes))).entries.get("p/a");
  await expect(entry?.bytes()).rejects.toMatchObject({
    code: "checkpoint.malformed",
    message: expect.stringContaining('record "p/a" at byte 0 is damaged') as unknown,
  });
});

test("checksums that torch was told to leave out are not missed", async () => {
  const { entries } = await openZip(bytesSource(fixtureBytes("torch/zip-crc32-off.pt")));
  expect([...entries.values()].map((entry) => entry.crc32)).toEqual(Array<null>(8).fill(null));
  for (const entry of entries.values()) expect((await entry.bytes()).byteLength).toBe(entry.byteLength);
});

test("a file that is cut anywhere is malformed", async () => {
  const bytes = fixtureBytes(CHECKPOINT);
  for (const part of [0.01, 0.25, 0.5, 0.9, 0.99, 1 - 1 / bytes.byteLength]) {
    const cut = bytes.subarray(0, Math.floor(bytes.byteLength * part));
    await expect(openZip(bytesSource(cut))).rejects.toMatchObject({ code: "checkpoint.malformed" });
  }
});

test("a file that lacks its beginning is malformed, and says by how many bytes", async () => {
  const bytes = fixtureBytes(CHECKPOINT);
  await expect(openZip(bytesSource(bytes.subarray(100)))).rejects.toMatchObject({ code: "checkpoint.malformed" });
});

test("any change of the end or the directory is refused or harmless, and never reads out of bounds", async () => {
  const bytes = await zipOf([
    ["p/a", new Uint8Array(10)],
    ["p/b", Uint8Array.of(1, 2, 3)],
  ]);
  const first = bytes.byteLength - 300;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: first, max: bytes.byteLength - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (at, change) => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ change;
        const source = bytesSource(damaged);
        const strict: ByteSource = {
          byteLength: source.byteLength,
          read: (start, end) => {
            if (!(start >= 0 && start <= end && end <= source.byteLength)) throw new RangeError(`${start}..${end}`);
            return source.read(start, end);
          },
        };
        try {
          for (const entry of (await openZip(strict)).entries.values()) await entry.bytes();
        } catch (error) {
          expect(error).toMatchObject({ name: "LtrainError" });
        }
      },
    ),
    { numRuns: 500 },
  );
});
