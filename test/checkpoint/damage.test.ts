import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { isSound } from "../../src/checkpoint/verification.js";
import { verifyCheckpoint } from "../../src/checkpoint/verifyCheckpoint.js";
import { nodeFiles } from "../../src/io/fileOperations.js";
import { MemoryDisk } from "../io/memoryFiles.js";
import { inFolder } from "../io/folder.js";
import { savePlanned } from "./savedTree.js";
import { torchSave } from "../../src/serialization/torchSave.js";
import { bufferSink } from "../../src/io/byteSink.js";
import { dumpCheckpoint } from "../../src/checkpoint/dumpCheckpoint.js";
import { checkpointOf } from "./savedTree.js";
import { readTensor } from "../../src/storage/strided.js";

/** A small checkpoint, as bytes. */
async function smallCheckpoint(): Promise<Uint8Array> {
  const sink = bufferSink();
  await torchSave(dumpCheckpoint(checkpointOf(1, 20)), sink);
  return sink.bytes();
}

/** What is in a checkpoint, all of it. */
async function contentOf(files: MemoryDisk["files"]): Promise<string> {
  const { checkpoint, close } = await loadCheckpoint("/a.ckpt", { files });
  const tensors = await Promise.all(
    [...checkpoint.stateDict.tensors].map(async ([name, tensor]) => {
      const { dtype, shape, bytes } = await readTensor(tensor);
      return [name, dtype, shape, Buffer.from(bytes).toString("base64")];
    }),
  );
  await close();
  const { epoch, globalStep, lightningVersion } = checkpoint;
  return JSON.stringify([epoch, globalStep, lightningVersion, tensors]);
}

test("of every bit of a checkpoint, verify finds it flipped or what is read is the same", async () => {
  const bytes = await smallCheckpoint();
  const disk = (content: Uint8Array): MemoryDisk["files"] => MemoryDisk.of(new Map([["/a.ckpt", content]])).files;
  const truth = await contentOf(disk(bytes));
  let found = 0;
  const silent: number[] = [];
  for (let bit = 0; bit < bytes.byteLength * 8; bit += 1) {
    const damaged = bytes.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const files = disk(damaged);
    if (!isSound(await verifyCheckpoint("/a.ckpt", { files }))) found += 1;
    else if ((await contentOf(files)) !== truth) silent.push(bit);
  }
  expect(silent).toEqual([]);
  process.stderr.write(
    `bits: ${bytes.byteLength * 8} flipped one by one, ${found} found by verify, the others change nothing that is read\n`,
  );
});

test("a checkpoint cut at any byte, or with something after it, is not sound", async () => {
  const bytes = await smallCheckpoint();
  for (let length = 0; length < bytes.byteLength; length += 1) {
    const { files } = MemoryDisk.of(new Map([["/a.ckpt", bytes.subarray(0, length)]]));
    const verification = await verifyCheckpoint("/a.ckpt", { files });
    expect([length, isSound(verification)]).toEqual([length, false]);
  }
  process.stderr.write(`truncations: all ${bytes.byteLength} lengths found\n`);
});

test("with the journal beside it, every flipped bit and every cut of a saved file is found", () =>
  inFolder(async (folder) => {
    await savePlanned({ step: 1, names: ["a.ckpt"] }, folder, nodeFiles);
    const bytes = new Uint8Array(readFileSync(join(folder, "a.ckpt")));
    const journal = new Uint8Array(readFileSync(join(folder, "checkpoints.jsonl")));
    const sound = async (content: Uint8Array): Promise<boolean> => {
      const { files } = MemoryDisk.of(
        new Map([
          ["/a.ckpt", content],
          ["/checkpoints.jsonl", journal],
        ]),
      );
      return isSound(await verifyCheckpoint("/a.ckpt", { files }));
    };
    expect(await sound(bytes)).toBe(true);
    for (let bit = 0; bit < bytes.byteLength * 8; bit += 5) {
      const damaged = bytes.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (await sound(damaged)) throw new Error(`bit ${bit} is flipped, and nobody sees it`);
    }
    for (let length = 0; length < bytes.byteLength; length += 5)
      expect(await sound(bytes.subarray(0, length))).toBe(false);
    expect(await sound(new Uint8Array(Buffer.concat([bytes, Buffer.alloc(1)])))).toBe(false);
    expect(await sound(new Uint8Array(Buffer.concat([bytes, bytes])))).toBe(false);
  }));

test("verify says what the journal has against a file, and of a file the journal does not know nothing", () =>
  inFolder(async (folder) => {
    await savePlanned({ step: 1, names: ["a.ckpt"] }, folder, nodeFiles);
    await savePlanned({ step: 2, names: ["b.ckpt"] }, folder, nodeFiles);
    writeFileSync(join(folder, "c.ckpt"), readFileSync(join(folder, "b.ckpt")));
    writeFileSync(join(folder, "a.ckpt"), readFileSync(join(folder, "b.ckpt")));
    expect(isSound(await verifyCheckpoint(join(folder, "c.ckpt")))).toBe(true);
    const { problems } = await verifyCheckpoint(join(folder, "a.ckpt"));
    expect(problems[0]).toMatchObject({ code: "checkpoint.malformed" });
    expect(problems[0]?.message).toMatch(
      /^it is not what checkpoints\.jsonl beside it says: its SHA-256 is [0-9a-f]{64}/,
    );
  }));
