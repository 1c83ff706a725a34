import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkpointFolderAt } from "../../src/checkpoint/checkpointFolder.js";
import type { FileOperations } from "../../src/io/fileOperations.js";
import { nodeFiles } from "../../src/io/fileOperations.js";
import { openUrl } from "../../src/io/httpSource.js";
import { PartFiles } from "../../src/io/partFiles.js";
import { RangeServer } from "./rangeServer.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ltrain-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("of a checkpoint in a hundred files 64 are open at once, and one that was closed is opened again", async () => {
  const names = Array.from({ length: 100 }, (_, index) => `part-${index}`);
  for (const [index, name] of names.entries()) writeFileSync(join(folder, name), new Uint8Array([index]));
  let isOpen = 0;
  let most = 0;
  const files: FileOperations = {
    ...nodeFiles,
    open: async (path, mode) => {
      const file = await nodeFiles.open(path, mode);
      isOpen += 1;
      most = Math.max(most, isOpen);
      return new Proxy(file, {
        get: (target, name) => {
          if (name === "close") isOpen -= 1;
          const member: unknown = Reflect.get(target, name);
          return typeof member === "function" ? (member.bind(target) as unknown) : member;
        },
      });
    },
  };
  const parts = new PartFiles(join(folder, "part-0"), { files });
  for (let round = 0; round < 2; round += 1) {
    for (const [index, name] of names.entries()) {
      expect(await parts.part(name, 0, 1).read(0, 1)).toEqual(new Uint8Array([index]));
    }
  }
  expect(isOpen).toBe(64);
  expect(most).toBe(65); // the new one is there before the oldest goes
  await parts.close();
  expect(isOpen).toBe(0);
});

test("of an address 64 blocks of 64 KiB are kept, and at most 8 MiB are asked for ahead", async () => {
  const block = 1 << 16;
  const server = await RangeServer.start({ a: new Uint8Array(60 << 20) });
  try {
    const source = await openUrl(server.url("a"));
    for (let index = 0; index < 100; index += 1) await source.read(index * block, index * block + 1);
    const asked = server.requests;
    for (let index = 99; index > 99 - 64; index -= 1) await source.read(index * block, index * block + 1);
    expect(server.requests).toBe(asked);
    await source.read(35 * block, 35 * block + 1); // the 65th from the end
    expect(server.requests).toBe(asked + 1);

    for (let at = 8 << 20; at < 56 << 20; at += 1 << 20) await source.read(at, at + (1 << 20));
    const lengths = server.ranges.map((range) => {
      const [, start, end] = / (\d+)-(\d+)$/.exec(range) ?? [];
      return Number(end) - Number(start);
    });
    // Of a read of 1 MiB and 8 MiB ahead; a range of the protocol may name its last byte.
    expect(Math.max(...lengths)).toBeLessThanOrEqual(9 << 20);
    expect(Math.max(...lengths)).toBeGreaterThanOrEqual((9 << 20) - 1);
  } finally {
    await server.close();
  }
});

test("a file called latest that is longer than a tag is not DeepSpeed's", async () => {
  const tag = "t".repeat(200);
  mkdirSync(join(folder, tag));
  writeFileSync(join(folder, tag, "mp_rank_00_model_states.pt"), "");
  writeFileSync(join(folder, "latest"), `${tag}\n`);
  expect((await checkpointFolderAt(folder))?.kind).toBe("deepspeed");
  writeFileSync(join(folder, "latest"), `${tag}${" ".repeat(57)}`);
  expect(await checkpointFolderAt(folder)).toBeUndefined();
});
