import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { bytesSource } from "../../src/io/byteSource.js";
import { nodeFiles } from "../../src/io/fileOperations.js";
import { openFile } from "../../src/io/fileSource.js";
import { readAhead } from "../../src/io/readAhead.js";
import {
  appendText,
  fileExists,
  isFolder,
  isSameFile,
  listFolder,
  readText,
  removeFile,
  writeTextAtomically,
} from "../../src/io/textFile.js";
import { faultyFiles } from "./faults.js";
import { inFolder } from "./folder.js";

test("ranges of a file are read exactly, and beyond its end is an error that names the byte", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x");
    writeFileSync(path, "0123456789");
    const source = await openFile(path);
    expect(source.byteLength).toBe(10);
    expect(Buffer.from(await source.read(3, 7)).toString()).toBe("3456");
    expect((await source.read(10, 10)).byteLength).toBe(0);
    for (const [start, end] of [
      [5, 11],
      [-1, 2],
      [4, 3],
      [Infinity, Infinity],
    ] as const) {
      await expect(source.read(start, end)).rejects.toMatchObject({ code: "checkpoint.malformed" });
    }
    await expect(source.read(5, 11)).rejects.toThrow("the file ends at byte 10");
    await source.close();
  }));

test("a file that is missing, a folder, or not ours to read is said to be so", () =>
  inFolder(async (folder) => {
    await expect(openFile(join(folder, "none"))).rejects.toMatchObject({ code: "file.missing" });
    mkdirSync(join(folder, "sub"));
    await expect(openFile(join(folder, "sub"))).rejects.toMatchObject({
      code: "file.missing",
      message: `${join(folder, "sub")} is a folder, and a file is needed`,
    });
    const refused = faultyFiles(nodeFiles, { at: 0, errno: "EACCES" });
    await expect(openFile(join(folder, "none"), { files: refused })).rejects.toMatchObject({ code: "io.failed" });
  }));

test("a file that shrinks while it is read is malformed", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x");
    writeFileSync(path, "0123456789");
    const source = await openFile(path);
    writeFileSync(path, "01");
    await expect(source.read(0, 10)).rejects.toThrow("the file ended at byte 2");
    await source.close();
  }));

test("small reads in order are gathered, and every byte is the same", async () => {
  const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * 31) & 0xff);
  let calls = 0;
  const plain = bytesSource(bytes);
  const counted = readAhead({
    byteLength: plain.byteLength,
    read: (start, end) => {
      calls += 1;
      return plain.read(start, end);
    },
  });
  for (let at = 0; at < 5000; at += 10)
    expect(Buffer.compare(await counted.read(at, at + 10), bytes.subarray(at, at + 10))).toBe(0);
  expect(calls).toBeLessThan(10);
  const range = fc.tuple(fc.nat(5000), fc.nat(5000)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  await fc.assert(
    fc.asyncProperty(fc.array(range), async (ranges) => {
      const source = readAhead(plain);
      const read = await Promise.all(ranges.map(([start, end]) => source.read(start, end)));
      for (const [i, [start, end]] of ranges.entries()) {
        expect(Buffer.compare(read[i] ?? new Uint8Array(), bytes.subarray(start, end))).toBe(0);
      }
    }),
  );
});

test("text files are written whole, appended to, listed by name and removed", () =>
  inFolder(async (folder) => {
    const path = join(folder, "b.txt");
    await writeTextAtomically(path, "één\n");
    await appendText(path, "two\n");
    await appendText(join(folder, "a.txt"), "");
    expect(await readText(path)).toBe("één\ntwo\n");
    expect((await listFolder(folder)).map(({ name, kind }) => `${kind} ${name}`)).toEqual(["file a.txt", "file b.txt"]);
    expect(await listFolder(join(folder, "none"))).toEqual([]);
    expect([await fileExists(path), await fileExists(folder), await isFolder(folder)]).toEqual([true, false, true]);
    await nodeFiles.link(path, join(folder, "c.txt"));
    expect(await isSameFile(path, join(folder, "c.txt"))).toBe(true);
    expect(await isSameFile(path, join(folder, "a.txt"))).toBe(false);
    await removeFile(path);
    await removeFile(path);
    expect(await fileExists(path)).toBe(false);
  }));
