import type { FileOperations } from "../io/fileOperations.js";
import type { Checkpoint } from "./checkpoint.js";
import type { OpenedFile } from "./openCheckpoint.js";
import { openCheckpoint } from "./openCheckpoint.js";
import { parseCheckpoint } from "./parseCheckpoint.js";

/** A checkpoint whose tensors are still in its file; close it when they have been read. */
export interface LoadedCheckpoint extends OpenedFile {
  readonly checkpoint: Checkpoint;
}

/** Open a file and read its tree as a Checkpoint. Apart from checkpointIO, so that looking loads no writer. */
export async function loadCheckpoint(
  path: string,
  options: { readonly files?: FileOperations } = {},
): Promise<LoadedCheckpoint> {
  const opened = await openCheckpoint(path, options);
  try {
    return { ...opened, checkpoint: parseCheckpoint(opened.root, path) };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
