import { writeFileAtomically } from "../io/atomicFile.js";
import type { ByteSource } from "../io/byteSource.js";
import type { FileOperations } from "../io/fileOperations.js";
import { removeFile } from "../io/textFile.js";
import { torchLoad } from "../serialization/torchLoad.js";
import { torchSave } from "../serialization/torchSave.js";
import type { Checkpoint } from "./checkpoint.js";
import { dumpCheckpoint } from "./dumpCheckpoint.js";
import type { OpenedFile } from "./openCheckpoint.js";
import { openCheckpoint } from "./openCheckpoint.js";
import { parseCheckpoint } from "./parseCheckpoint.js";

/** A checkpoint whose tensors are still in its file; close it when they have been read. */
export interface LoadedCheckpoint extends OpenedFile {
  readonly checkpoint: Checkpoint;
}

/** How checkpoints come from and go to disk: Lightning's CheckpointIO. */
export interface CheckpointIO {
  load(path: string): Promise<LoadedCheckpoint>;
  /** Resolves when the file is durable under its name; on failure an older file of that name is untouched. */
  save(checkpoint: Checkpoint, path: string): Promise<void>;
  /** A file that is gone already is fine. */
  remove(path: string): Promise<void>;
}

/** Checkpoints as torch.save writes them; safetensors files and bare state_dicts can be loaded too. */
export function torchCheckpointIO(options: { readonly files?: FileOperations } = {}): CheckpointIO {
  return {
    load: (path) => loadCheckpoint(path, options),
    save: (checkpoint, path) =>
      writeFileAtomically(path, (sink) => torchSave(dumpCheckpoint(checkpoint), sink, { prefix: "archive" }), {
        ...options,
        verify: verifyReadable,
      }),
    remove: (path) => removeFile(path, options.files),
  };
}

/** Open a file and read its tree as a Checkpoint. */
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

/** What was just written must open again: its directory, its pickle and the size of every storage. */
async function verifyReadable(source: ByteSource): Promise<void> {
  await torchLoad(source);
}
