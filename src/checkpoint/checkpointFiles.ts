import { join } from "node:path";
import type { FileOperations } from "../io/fileOperations.js";
import { nodeFiles } from "../io/fileOperations.js";
import { listFolder, statusOf } from "../io/textFile.js";

/** What checkpoints and files of weights are called. */
const CHECKPOINT_NAME = /\.(ckpt|pth?|safetensors|npz)$|^pytorch_model.*\.bin$/i;
/** A folder with this file in it is one checkpoint: torch.distributed.checkpoint's. */
export const DCP_METADATA = ".metadata";

/** Every checkpoint in a folder and the folders below it, by name; a distributed checkpoint is one, not its files. */
export async function checkpointFiles(folder: string, files: FileOperations = nodeFiles): Promise<string[]> {
  const found: string[] = [];
  const visited = new Set<string>(); // a link may lead back up
  const visit = async (path: string): Promise<void> => {
    const status = await statusOf(path, files);
    if (status?.kind !== "folder" || visited.has(status.identity)) return;
    visited.add(status.identity);
    const entries = await listFolder(path, files);
    if (entries.some(({ name, kind }) => name === DCP_METADATA && kind !== "folder")) {
      found.push(path);
      return;
    }
    for (const { name, kind } of entries) {
      if (name.startsWith(".") || name === "node_modules") continue;
      const inner = join(path, name);
      const isFolder = kind === "folder" || (kind === "other" && (await statusOf(inner, files))?.kind === "folder");
      if (isFolder) await visit(inner);
      else if (CHECKPOINT_NAME.test(name)) found.push(inner);
    }
  };
  await visit(folder);
  return found;
}
