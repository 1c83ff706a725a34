import { basename } from "node:path";
import { LtrainError } from "../errors.js";
import type { FileOperations } from "../io/fileOperations.js";
import { isUrl, openLocation } from "../io/location.js";
import { checkpointFolderAt, DISTRIBUTED_ENTRY, SHARD_INDEX } from "./checkpointFolder.js";
import type { CheckpointFolder } from "./checkpointFolder.js";
import type { FileContent } from "./readContent.js";
import { readContent } from "./readContent.js";

/** A file whose tree has been read and whose tensors are still in it; close it when they have been. */
export interface OpenedFile extends FileContent {
  readonly path: string;
  /** Size of the file, or of all files that are one checkpoint. */
  readonly byteLength: number;
  /** Names of the files of a checkpoint that is a folder; none of one that is a file. */
  readonly parts: readonly string[];
  readonly close: () => Promise<void>;
}

/**
 * Open anything that holds named tensors: a file, a folder that is one checkpoint, an index of shards, or the address
 * of one of these. Its structure is read, nothing in it is run.
 */
export async function openCheckpoint(
  path: string,
  options: { readonly files?: FileOperations } = {},
): Promise<OpenedFile> {
  try {
    const folder = await folderAt(path, options.files);
    if (folder !== undefined) {
      const { openFolder } = await import("./openFolder.js"); // most checkpoints are one file
      return { path, ...(await openFolder(folder, options)) };
    }
    const source = await openLocation(path, options);
    try {
      const content = await readContent(source, nameOf(path));
      return { path, byteLength: source.byteLength, ...content, parts: [], close: () => source.close() };
    } catch (error) {
      await source.close();
      throw error;
    }
  } catch (error) {
    throw atPath(path, error);
  }
}

async function folderAt(path: string, files: FileOperations | undefined): Promise<CheckpointFolder | undefined> {
  const name = nameOf(path);
  if (name === DISTRIBUTED_ENTRY) return { kind: "torch-distributed", entry: path };
  if (SHARD_INDEX.test(name)) return { kind: "sharded", entry: path };
  if (isUrl(path)) return undefined;
  return checkpointFolderAt(path, files);
}

/** The last part of a path or an address, which says what a file claims to be. */
function nameOf(path: string): string {
  return basename(isUrl(path) ? new URL(path).pathname : path);
}

/** Readers of bytes do not know what a path is: whoever opened the file adds it to their complaint about the file. */
export function atPath(path: string, error: unknown): unknown {
  if (!(error instanceof LtrainError) || !error.code.startsWith("checkpoint.") || error.message.includes(path)) {
    return error;
  }
  return new LtrainError(error.code, `${path}: ${error.message}`, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
