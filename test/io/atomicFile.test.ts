import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LtrainError } from "../../src/errors.js";
import { writeFileAtomically } from "../../src/io/atomicFile.js";
import type { ByteSink } from "../../src/io/byteSink.js";
import { nodeFiles } from "../../src/io/fileOperations.js";
import { faultyFiles } from "./faults.js";
import { inFolder } from "./folder.js";

const OLD = "the old file";
const NEW = "the new file, longer than the old one";

const writeNew = async (sink: ByteSink): Promise<void> => {
  await sink.write(Buffer.from(NEW.slice(0, 10)));
  await sink.write(Buffer.from(NEW.slice(10)));
};
const verify = async (source: {
  byteLength: number;
  read(a: number, b: number): Promise<Uint8Array>;
}): Promise<void> => {
  const bytes = await source.read(0, source.byteLength);
  if (Buffer.from(bytes).toString() !== NEW)
    throw new LtrainError("io.failed", "what was written is not what is there");
};

test("the file is written, read back and put in its place, with folders made and no temp file left", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a", "b", "x.ckpt");
    await writeFileAtomically(path, writeNew, { verify });
    expect(readFileSync(path, "utf8")).toBe(NEW);
    expect(readdirSync(join(folder, "a", "b"))).toEqual(["x.ckpt"]);
  }));

test("a write that takes a few bytes at a time is repeated until all are there", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.ckpt");
    await writeFileAtomically(path, writeNew, { files: faultyFiles(nodeFiles, undefined, 3), verify });
    expect(readFileSync(path, "utf8")).toBe(NEW);
  }));

test.each(["ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES"])(
  "whichever operation fails with %s, a reader finds the old file or the whole new one, and no temp file is left",
  (errno) =>
    inFolder(async (folder) => {
      const path = join(folder, "x.ckpt");
      const probe = faultyFiles(nodeFiles, undefined);
      await writeFileAtomically(path, writeNew, { files: probe, verify });
      const operations = probe.names;
      expect(operations).toEqual(
        expect.arrayContaining(["open", "write", "sync", "close", "read", "rename", "syncFolder"]),
      );
      for (const [at, name] of operations.entries()) {
        writeFileSync(path, OLD);
        const error = await writeFileAtomically(path, writeNew, {
          files: faultyFiles(nodeFiles, { at, errno }),
          verify,
        }).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (!(error instanceof LtrainError)) throw new Error(`${name} failed and nobody heard of it`);
        const notCommitted = errno === "ENOSPC" || errno === "EDQUOT" ? "disk.full" : "io.failed";
        expect(error.code).toBe(name === "syncFolder" ? "io.durabilityUncertain" : notCommitted);
        expect(error.message).toContain("x.ckpt".slice(0, name === "makeFolder" ? 0 : undefined));
        expect(error.message).toContain(errno);
        // After the rename the new file is there; what failed is the promise that it survives a power cut.
        expect(readFileSync(path, "utf8")).toBe(name === "syncFolder" ? NEW : OLD);
        expect(readdirSync(folder)).toEqual(["x.ckpt"]);
      }
    }),
);

test("a writer or a verifier that throws leaves the old file and no temp file", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.ckpt");
    writeFileSync(path, OLD);
    const fail = (): Promise<void> => Promise.reject(new Error("mine"));
    await expect(writeFileAtomically(path, fail)).rejects.toThrow("mine");
    await expect(writeFileAtomically(path, writeNew, { verify: fail })).rejects.toThrow("mine");
    expect(readFileSync(path, "utf8")).toBe(OLD);
    expect(readdirSync(folder)).toEqual(["x.ckpt"]);
  }));

test("a folder is not replaced by a file", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.ckpt");
    mkdirSync(path);
    await expect(writeFileAtomically(path, writeNew)).rejects.toMatchObject({ code: "io.failed" });
    expect(readdirSync(folder)).toEqual(["x.ckpt"]);
  }));
