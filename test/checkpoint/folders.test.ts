import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadCheckpoint } from "../../src/checkpoint/loadCheckpoint.js";
import { openCheckpoint } from "../../src/checkpoint/openCheckpoint.js";
import { tensorsOf } from "../../src/checkpoint/treePaths.js";
import { asNumber } from "../../src/pickle/convert.js";
import { PyDict } from "../../src/pickle/values.js";
import { readTensor } from "../../src/storage/strided.js";

interface Twin {
  readonly tensors: Readonly<
    Record<string, { dtype: string; shape: number[]; stride: number[]; storage_offset: number; sha256: string }>
  >;
}

const LIGHTNING = fileURLToPath(new URL("../fixtures/lightning/", import.meta.url));
const TORCH = fileURLToPath(new URL("../fixtures/torch/", import.meta.url));
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ltrain-"));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.each(["dcp-many-files", "dcp-two-ranks-rows"])(
  "%s: every tensor of the folder is what torch puts together",
  async (name) => {
    const { tensors } = JSON.parse(readFileSync(`${LIGHTNING}${name}.json`, "utf8")) as Twin;
    const file = await openCheckpoint(`${LIGHTNING}${name}.ckpt`);
    expect(file.format).toBe("torch-distributed");
    const found = await Promise.all(
      tensorsOf(file.root).map(async ({ path, tensor }) => {
        const { dtype, shape, stride, storageOffset } = tensor;
        const digest = sha256((await readTensor(tensor)).bytes);
        return [path, { dtype, shape, stride, storage_offset: storageOffset, sha256: digest }];
      }),
    );
    await file.close();
    const expected = Object.entries(tensors).map(([path, { dtype, shape, stride, storage_offset, sha256: digest }]) => [
      path,
      { dtype, shape, stride, storage_offset, sha256: digest },
    ]);
    expect(Object.fromEntries(found)).toMatchObject(Object.fromEntries(expected));
  },
);

test("any range of a tensor in rows of two files is the same as that of the whole", async () => {
  const file = await openCheckpoint(`${LIGHTNING}dcp-two-ranks-rows.ckpt`);
  const tensor = tensorsOf(file.root).find(({ path }) => path === 'model["decoder.l1.2.weight"]')?.tensor;
  if (tensor === undefined) throw new Error("the tensor is there");
  const whole = (await readTensor(tensor)).bytes;
  for (let start = 0; start < whole.byteLength; start += 7) {
    for (const end of [start, start + 1, start + 30, whole.byteLength]) {
      if (end > whole.byteLength) continue;
      expect(Buffer.compare(await tensor.storage.read(start, end), whole.subarray(start, end))).toBe(0);
    }
  }
  await file.close();
});

test("a sharded checkpoint of Lightning is its weights, its optimizers and what meta.pt says", async () => {
  const { checkpoint, close } = await loadCheckpoint(`${LIGHTNING}dcp-many-files.ckpt`);
  await close();
  expect(checkpoint.lightningVersion).toBe("2.6.6");
  expect([checkpoint.epoch, checkpoint.globalStep]).toEqual([2, 8]);
  expect([...checkpoint.stateDict.tensors.keys()]).toContain("encoder.l1.0.weight");
  expect(checkpoint.optimizerStates).toHaveLength(1);
  const state = checkpoint.optimizerStates?.[0]?.get("state");
  expect(state instanceof PyDict && state.size).toBe(8);
});

test("a distributed checkpoint of which a file is gone opens, and says so when the file is read", async () => {
  await inFolder(async (folder) => {
    cpSync(`${LIGHTNING}dcp-two-ranks-rows.ckpt`, folder, { recursive: true });
    rmSync(join(folder, "__1_0.distcp"));
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code: "file.missing",
      message: expect.stringContaining("__1_0.distcp") as unknown,
    });
  });
});

test("shards are one state_dict in the order of their index", async () => {
  await inFolder(async (folder) => {
    for (const name of ["st-int32", "st-shapes"])
      cpSync(`${TORCH}${name}.safetensors`, join(folder, `${name}.safetensors`));
    const shapes = Object.keys((JSON.parse(readFileSync(`${TORCH}st-shapes.json`, "utf8")) as Twin).tensors).map(
      (path) => path.replace(/^\["(.*)"\]$/, "$1"),
    );
    const map = Object.fromEntries([
      ...shapes.map((name) => [name, "st-shapes.safetensors"] as const),
      ["v", "st-int32.safetensors"] as const,
    ]);
    writeFileSync(
      join(folder, "model.safetensors.index.json"),
      JSON.stringify({ metadata: { total_size: 123 }, weight_map: map }),
    );
    for (const path of [folder, join(folder, "model.safetensors.index.json")]) {
      const file = await openCheckpoint(path);
      expect(file.format).toBe("safetensors-sharded");
      expect(file.root instanceof PyDict && file.root.keys()).toEqual([...shapes, "v"]);
      expect(file.metadata.get("total_size")).toBe("123");
      expect(file.parts).toEqual(["st-shapes.safetensors", "st-int32.safetensors"]);
      await file.close();
    }
  });
});

test.each([
  [{ weight_map: { v: "gone.safetensors" } }, "file.missing", /shard gone\.safetensors is not there, one of 1/],
  [{ weight_map: { w: "s.safetensors" } }, "checkpoint.malformed", /"w" lies in s\.safetensors, and it is not there/],
  [{ weight_map: { v: "../s.safetensors" } }, "checkpoint.malformed", /no name of a file beside it/],
  [{ weight_map: { v: "/etc/passwd" } }, "checkpoint.malformed", /no name of a file beside it/],
  [{ weight_map: [1] }, "checkpoint.malformed", /no weight_map/],
])("an index that lies is told (%#)", async (index, code, message) => {
  await inFolder(async (folder) => {
    cpSync(`${TORCH}st-int32.safetensors`, join(folder, "s.safetensors"));
    writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify(index));
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as unknown,
    });
  });
});

test("numbers of a distributed checkpoint that are no tensors are read with it", async () => {
  const { root, close } = await openCheckpoint(`${LIGHTNING}dcp-many-files.ckpt`);
  await close();
  expect(root instanceof PyDict && asNumber(root.get("epoch"))).toBe(2);
});
