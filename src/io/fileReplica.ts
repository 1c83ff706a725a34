import { attempt, replaceAtomically, syncFolderOf, writeFileAtomically } from "./atomicFile.js";
import type { FileOperations } from "./fileOperations.js";
import { nodeFiles } from "./fileOperations.js";
import { openFile } from "./fileSource.js";
import { rangeChunks } from "./rangeChunks.js";
import { errnoOf, systemError } from "./systemError.js";
import { isSameFile } from "./textFile.js";

/** What a file system says to what it cannot do, or not between these two places. */
const CANNOT = new Set(["ENOTSUP", "EOPNOTSUPP", "EXDEV", "EINVAL", "ENOSYS", "ENOTTY", "EPERM", "EMLINK", "EBADF"]);

/** How a file gets a second name. */
export interface ReplicaOptions {
  readonly files?: FileOperations;
  /** Whether both names may be one file: whoever then writes into one of them in place changes the other too. */
  readonly share?: boolean;
  /** What must have happened before the name is taken. */
  readonly beforeRename?: () => Promise<void>;
}

/**
 * Make `path` a real file with the content of `from`, atomically and durably: blocks that are shared until they are
 * written where the file system can, else (with `share`) a second name of the same file, else a copy.
 */
export async function replicateFile(from: string, path: string, options: ReplicaOptions = {}): Promise<void> {
  const files = options.files ?? nodeFiles;
  const { share = false, beforeRename } = options;
  if (share && (await isSameFile(from, path, files))) {
    // To rename one name of a file onto another of its names does nothing, and leaves both.
    await beforeRename?.();
    await syncFolderOf(path, files);
    return;
  }
  for (const way of share ? (["clone", "hardLink"] as const) : (["clone"] as const)) {
    if (await tried(way, from, path, files, beforeRename)) return;
  }
  await copyFile(from, path, files, beforeRename);
}

async function tried(
  way: "clone" | "hardLink",
  from: string,
  path: string,
  files: FileOperations,
  beforeRename: (() => Promise<void>) | undefined,
): Promise<boolean> {
  const progress = { isMade: false };
  try {
    await replaceAtomically(
      path,
      async (temporary) => {
        await files[way](from, temporary);
        progress.isMade = true;
        if (way === "clone") await syncFile(temporary, path, files);
        await beforeRename?.();
      },
      files,
    );
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (progress.isMade) throw error;
    if (errno !== undefined && CANNOT.has(errno)) return false;
    throw systemError(error, "write", path);
  }
}

async function syncFile(temporary: string, path: string, files: FileOperations): Promise<void> {
  const file = await attempt(files.open(temporary, "append"), "write", path);
  try {
    await attempt(file.sync(), "make durable", path);
  } finally {
    await file.close().catch(() => undefined);
  }
}

async function copyFile(
  from: string,
  path: string,
  files: FileOperations,
  beforeRename: (() => Promise<void>) | undefined,
): Promise<void> {
  const source = await openFile(from, { files });
  try {
    await writeFileAtomically(
      path,
      async (sink) => {
        for await (const chunk of rangeChunks(source, 0, source.byteLength)) await sink.write(chunk);
      },
      { files, ...(beforeRename === undefined ? {} : { beforeRename }) },
    );
  } finally {
    await source.close();
  }
}
