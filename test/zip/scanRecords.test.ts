import { bytesSource } from "../../src/io/byteSource.js";
import { openZip } from "../../src/zip/zipReader.js";
import { scanRecords } from "../../src/zip/scanRecords.js";
import { fixtureBytes } from "../serialization/twin.js";
import { rawZip } from "./rawZip.js";

const CHECKPOINT = "lightning/autoencoder-adam-steplr.ckpt";

test("a sound file of torch is walked to its last record, every checksum right", async () => {
  const bytes = fixtureBytes(CHECKPOINT);
  const names = [...(await openZip(bytesSource(bytes))).entries.keys()];
  const scan = await scanRecords(bytesSource(bytes));
  expect(scan.whole).toBe(names.length);
  expect(scan.last).toMatchObject({ name: names.at(-1), intact: true });
  expect(scan.broken).toBeUndefined();
});

test("wherever a file of torch is cut, the records in front of the cut are found whole and the next one broken", async () => {
  const bytes = fixtureBytes(CHECKPOINT);
  const entries = [...(await openZip(bytesSource(bytes))).entries.values()];
  for (const [i, entry] of entries.entries()) {
    const payload = await entry.payloadOffset();
    if (entry.byteLength === 0) continue;
    const scan = await scanRecords(bytesSource(bytes.subarray(0, payload + Math.floor(entry.byteLength / 2))));
    expect(scan.whole).toBe(i);
    expect(scan.last?.name).toBe(entries[i - 1]?.name);
    expect(scan.broken).toMatchObject({ name: entry.name, offset: entry.offset });
  }
});

test("an archive with lengths in its local headers is walked by them", async () => {
  const bytes = rawZip([
    { name: "a/x", payload: Buffer.from("one") },
    { name: "a/y", payload: Buffer.from("two"), crc32: 5 },
    { name: "a/z", payload: Buffer.from("three") },
  ]);
  const second = await scanRecords(bytesSource(bytes.subarray(0, bytes.indexOf("three"))));
  expect(second).toMatchObject({ whole: 2, last: { name: "a/y", intact: false }, broken: { name: "a/z" } });
});

test("what looks like a descriptor inside a payload is not taken for its end", async () => {
  const fake = Buffer.from([0x50, 0x4b, 0x07, 0x08, 0, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0]);
  const payload = Buffer.concat([fake, fake, Buffer.from("PK\u0003\u0004")]);
  const descriptor = Buffer.alloc(16);
  descriptor.writeUInt32LE(0x08074b50);
  descriptor.writeUInt32LE(payload.length, 8);
  const bytes = rawZip([
    { name: "a/x", payload: Buffer.concat([payload, descriptor]), flags: 0x808 },
    { name: "a/y", payload: Buffer.from("two") },
  ]);
  const scan = await scanRecords(bytesSource(bytes));
  expect(scan).toMatchObject({ whole: 2, last: { name: "a/y", intact: true } });
});
