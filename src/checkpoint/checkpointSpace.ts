import { dirname } from "node:path";
import { LtrainError } from "../errors.js";
import type { FileOperations } from "../io/fileOperations.js";
import { isMissing } from "../io/systemError.js";
import { statusOf } from "../io/textFile.js";
import type { SaveJob } from "./saveJob.js";

/** What a save leaves free, for the journal, the logs and whoever else writes. */
export const RESERVE_BYTES = 1 << 20;
/** Header, alignment, descriptor and directory entry of one record. */
const RECORD_BYTES = 256;

/** Refuse a save before its first byte when the disk has no room for it. */
export async function requireSpace(job: SaveJob, files: FileOperations): Promise<void> {
  const needs = new Map<string, number>();
  const add = (path: string, bytes: number): void => {
    needs.set(dirname(path), (needs.get(dirname(path)) ?? 0) + bytes);
  };
  for (const { path, data, storages } of job.files) {
    add(
      path,
      storages.reduce((sum, { byteLength }) => sum + byteLength + RECORD_BYTES, data.byteLength + 16 * RECORD_BYTES),
    );
  }
  for (const { from, path, share } of job.replicas) {
    const own = job.files.findIndex((file) => file.path === from);
    const size = own === -1 ? ((await statusOf(from, files))?.byteLength ?? 0) : 0;
    if (!share) add(path, own === -1 ? size : (needs.get(dirname(from)) ?? 0));
  }
  for (const [folder, bytes] of needs) {
    const free = await freeSpace(folder, files);
    if (free === null || free >= bytes + RESERVE_BYTES) continue;
    throw new LtrainError(
      "disk.full",
      `there is no room for a checkpoint in ${folder}: it takes ${bytes} bytes, and ${free} are free`,
      { hint: "free some space, keep fewer checkpoints (save_top_k), or choose another folder (dirpath)" },
    );
  }
}

/** Free bytes under a path that may not be there yet; null where the system does not say. */
export async function freeSpace(path: string, files: FileOperations): Promise<number | null> {
  for (let at = path; ; at = dirname(at)) {
    try {
      return await files.freeSpace(at);
    } catch (error) {
      if (!isMissing(error) || dirname(at) === at) return null; // a write will say what is wrong
    }
  }
}
