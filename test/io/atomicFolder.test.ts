import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFolderAtomically } from "../../src/io/atomicFolder.js";
import type { OpenMode } from "../../src/io/fileOperations.js";
import { nodeFiles } from "../../src/io/fileOperations.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ltrain-folder-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const content = (text: string): ReadonlyMap<string, Uint8Array> =>
  new Map([
    ["model.json", Buffer.from(text)],
    ["weights.bin", Uint8Array.of(1, 2, 3)],
  ]);

test("all files of a folder are there, or none: a failure at any operation leaves what was there", async () => {
  const path = join(folder, "model");
  await writeFolderAtomically(path, content("old"), { replaces: "model.json" });
  for (let failing = 0; ; failing += 1) {
    let count = 0;
    const fail =
      <Args extends readonly unknown[], Result>(operation: (...args: Args) => Promise<Result>) =>
      (...args: Args): Promise<Result> => {
        count += 1;
        if (count - 1 === failing) return Promise.reject(Object.assign(new Error("EIO"), { code: "EIO" }));
        return operation(...args);
      };
    const files = {
      ...nodeFiles,
      open: fail((opened: string, mode: OpenMode) => nodeFiles.open(opened, mode)),
      rename: fail((from: string, to: string) => nodeFiles.rename(from, to)),
      makeFolder: fail((made: string) => nodeFiles.makeFolder(made)),
    };
    const failed = await writeFolderAtomically(path, content("new"), { files, replaces: "model.json" }).then(
      () => false,
      () => true,
    );
    const names = await readdir(folder);
    expect(names).toEqual(["model"]);
    expect(await readFile(join(path, "model.json"), "utf8")).toBe(failed ? "old" : "new");
    expect((await readdir(path)).sort()).toEqual(["model.json", "weights.bin"]);
    if (!failed) {
      expect(failing).toBeGreaterThan(5); // folder, two files of open and rename, two renames
      return;
    }
  }
});

test("a folder of something else, or a file, is never replaced", async () => {
  const other = join(folder, "other");
  await mkdir(other);
  await writeFile(join(other, "precious.txt"), "mine");
  const file = join(folder, "file");
  await writeFile(file, "mine");
  for (const path of [other, file]) {
    await expect(writeFolderAtomically(path, content("new"), { replaces: "model.json" })).rejects.toMatchObject({
      code: "output.refused",
    });
  }
  expect(await readdir(other)).toEqual(["precious.txt"]);
  expect(await readFile(file, "utf8")).toBe("mine");
});
