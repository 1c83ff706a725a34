import { writeFileAtomically } from "../io/atomicFile.js";
import type { FileOperations } from "../io/fileOperations.js";
import { removeFile } from "../io/textFile.js";
import { torchLoad } from "../serialization/torchLoad.js";
import { torchSave } from "../serialization/torchSave.js";
import type { Checkpoint } from "./checkpoint.js";
import { dumpCheckpoint } from "./dumpCheckpoint.js";
import type { LoadedCheckpoint } from "./loadCheckpoint.js";
import { loadCheckpoint } from "./loadCheckpoint.js";
import { readsBack } from "./readsBack.js";

export type { LoadedCheckpoint } from "./loadCheckpoint.js";
export { loadCheckpoint } from "./loadCheckpoint.js";

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
        verify: readsBack(path, torchLoad),
      }),
    remove: (path) => removeFile(path, options.files),
  };
}
