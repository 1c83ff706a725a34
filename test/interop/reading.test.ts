import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "../../src/checkpoint/openCheckpoint.js";
import { ROOT_PATH, tensorsOf } from "../../src/checkpoint/treePaths.js";
import { readTensor } from "../../src/storage/strided.js";
import { peerTest, PYTHON } from "./peer.js";
import { inTemporaryFolder } from "./runs.js";

const SCRIPT = fileURLToPath(new URL("reading.py", import.meta.url));

interface ReadTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly storage_offset: number;
  readonly sha256: string;
}

async function tensorsInFile(path: string): Promise<Record<string, ReadTensor>> {
  const file = await openCheckpoint(path);
  try {
    const entries = tensorsOf(file.root).map(async ({ path: at, tensor }): Promise<[string, ReadTensor]> => {
      const { dtype, shape, stride, storageOffset } = tensor;
      const sha256 = createHash("sha256")
        .update((await readTensor(tensor)).bytes)
        .digest("hex");
      return [at === ROOT_PATH ? "" : at, { dtype, shape, stride, storage_offset: storageOffset, sha256 }];
    });
    return Object.fromEntries(await Promise.all(entries));
  } finally {
    await file.close();
  }
}

/** Folders and archives that are put together anew have no strides of their own. */
const WITHOUT_LAYOUT = new Set(["dcp", "shards", "bins", "zero2", "zero3"]);

peerTest(
  "every kind of file that torch and numpy write is read bit for bit: all dtypes and protocols, before 1.6 and 0.1, TorchScript, distributed, sharded, ZeRO, npz",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const answer = execFileSync(PYTHON, [SCRIPT, folder], { encoding: "utf8", maxBuffer: 1 << 26 });
      const { files: expected, frozen } = JSON.parse(answer) as {
        files: Record<string, Record<string, ReadTensor>>;
        frozen: string[];
      };
      const constants = Object.values(await tensorsInFile(`${folder}/frozen.pt`)).map(({ sha256 }) => sha256);
      expect([...new Set(constants)].sort()).toEqual(frozen);
      expect(Object.keys(expected).length).toBeGreaterThan(20);
      for (const [name, tensors] of Object.entries(expected)) {
        const found = await tensorsInFile(`${folder}/${name}`);
        const strip = ({ dtype, shape, sha256 }: ReadTensor): Partial<ReadTensor> => ({ dtype, shape, sha256 });
        const compared = (all: Record<string, ReadTensor>): unknown =>
          WITHOUT_LAYOUT.has(name)
            ? Object.fromEntries(Object.entries(all).map(([path, tensor]) => [path, strip(tensor)]))
            : all;
        expect({ name, tensors: compared(found) }).toEqual({ name, tensors: compared(tensors) });
      }
    });
  },
);
