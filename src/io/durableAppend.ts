import { dirname } from "node:path";
import { attempt, fileSink } from "./atomicFile.js";
import type { FileOperations } from "./fileOperations.js";
import { nodeFiles } from "./fileOperations.js";

/** Add text at the end of a file, which is created when missing, and wait until it is on the disk. */
export async function appendDurably(path: string, text: string, files: FileOperations = nodeFiles): Promise<void> {
  let isNew = false;
  try {
    await files.status(path);
  } catch {
    isNew = true;
  }
  const file = await attempt(files.open(path, "append"), "write", path);
  let closed = false;
  try {
    await fileSink(file, path).write(new TextEncoder().encode(text));
    await attempt(file.sync(), "make durable", path);
    closed = true;
    await attempt(file.close(), "close", path);
  } finally {
    if (!closed) await file.close().catch(() => undefined);
  }
  if (isNew) await attempt(files.syncFolder(dirname(path)), "make durable", path);
}
