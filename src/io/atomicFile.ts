import { dirname, resolve } from "node:path";
import { LtrainError } from "../errors.js";
import type { ByteSink } from "./byteSink.js";
import type { ByteSource } from "./byteSource.js";
import { detail } from "./details.js";
import type { FileOperations, OpenFile } from "./fileOperations.js";
import { nodeFiles } from "./fileOperations.js";
import { openFile } from "./fileSource.js";
import { isMissing, systemError } from "./systemError.js";
import { temporaryPath } from "./temporaryName.js";

/** How an atomic write is done, and how its result is looked at before it counts. */
export interface AtomicWriteOptions {
  readonly files?: FileOperations;
  /** Reads back what was written; an error keeps the old file. */
  readonly verify?: (source: ByteSource) => Promise<void>;
  /** What must have happened before the file takes its name; an error keeps the old file. */
  readonly beforeRename?: () => Promise<void>;
  /** Wait until file and folder are on the disk (the default). Without it a power cut may take what a kill cannot. */
  readonly durable?: boolean;
}

/** A system call moves at most this much at once; some refuse more than 2 GiB. */
const MAX_WRITE_BYTES = 1 << 30;

/**
 * Write a file so that a reader, a crash or a full disk sees the old file or the new one, never half: a temp file in the
 * same folder, fsync, verify, rename, fsync of the folder. The folder is created when missing. An error leaves what was
 * there, but for `io.durabilityUncertain`: then the new file has its name, and a power cut may still take it back.
 */
export async function writeFileAtomically(
  path: string,
  write: (sink: ByteSink) => Promise<void>,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const files = options.files ?? nodeFiles;
  const durable = options.durable !== false;
  await makeFolderOf(path, files, durable);
  await refuseFolder(files, path);
  await replaceAtomically(
    path,
    async (temporary) => {
      const file = await attempt(files.open(temporary, "create"), "write", path);
      await fill(file, path, write, durable);
      if (options.verify !== undefined) await verifyFile(temporary, files, options.verify);
      await options.beforeRename?.();
    },
    files,
    durable,
  );
}

/**
 * Have `make` make a file under a temporary name, and give it the name `path` in one step. Whatever goes wrong in `make`
 * leaves what was there and no temp file.
 */
export async function replaceAtomically(
  path: string,
  make: (temporary: string) => Promise<void>,
  files: FileOperations,
  durable = true,
): Promise<void> {
  const temporary = temporaryPath(path);
  let isRenamed = false;
  try {
    await make(temporary);
    await attempt(files.rename(temporary, path), "replace", path);
    isRenamed = true;
  } finally {
    if (!isRenamed) await removeQuietly(files, temporary);
  }
  detail("wrote", () => resolve(path));
  if (durable) await syncFolderOf(path, files);
}

/** Wait until the names in the folder of `path` are on the disk. The one failure after which the new names are there. */
export async function syncFolderOf(path: string, files: FileOperations): Promise<void> {
  try {
    await files.syncFolder(dirname(path));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LtrainError(
      "io.durabilityUncertain",
      `${path} is written and in its place, but its folder could not be brought to the disk: ${reason}`,
      { hint: "a power cut may still take the file back; nothing older has been removed", cause: error },
    );
  }
}

/** Create the folder of a file and those above it, and wait until their names are on the disk. */
async function makeFolderOf(path: string, files: FileOperations, durable: boolean): Promise<void> {
  const folder = dirname(path);
  const missing: string[] = [];
  for (let at = folder; !(await isThere(at, files, path)); at = dirname(at)) {
    missing.unshift(at);
    if (dirname(at) === at) break;
  }
  if (missing.length === 0) return;
  await attempt(files.makeFolder(folder), "create the folder", folder);
  // A file in a folder whose own name is lost is lost with it.
  for (const made of durable ? missing : []) await attempt(files.syncFolder(dirname(made)), "make durable", path);
}

async function isThere(folder: string, files: FileOperations, path: string): Promise<boolean> {
  try {
    await files.status(folder);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw systemError(error, "write", path);
  }
}

/** Renaming onto a folder fails with a riddle (EISDIR, ENOTEMPTY, EPERM), and only after everything was written. */
async function refuseFolder(files: FileOperations, path: string): Promise<void> {
  try {
    if ((await files.status(path)).kind !== "folder") return;
  } catch (error) {
    if (isMissing(error)) return;
    throw systemError(error, "write", path);
  }
  throw new LtrainError("io.failed", `cannot write ${path}: it is a folder (EISDIR)`);
}

async function fill(
  file: OpenFile,
  path: string,
  write: (sink: ByteSink) => Promise<void>,
  durable: boolean,
): Promise<void> {
  let closed = false;
  try {
    await write(fileSink(file, path));
    // Once: after a failure the system holds the pages for clean, and a second fsync would say all is well.
    if (durable) await attempt(file.sync(), "make durable", path);
    closed = true;
    await attempt(file.close(), "close", path);
  } finally {
    if (!closed) await file.close().catch(() => undefined); // what failed before is the news
  }
}

/** A sink over an open file; what a write does not take is written again. */
export function fileSink(file: OpenFile, path: string): ByteSink {
  return {
    async write(bytes) {
      let done = 0;
      while (done < bytes.byteLength) {
        const piece = bytes.subarray(done, done + MAX_WRITE_BYTES);
        const count = await attempt(file.write(piece), "write", path);
        // A write that takes nothing would loop for ever.
        if (count <= 0) throw new LtrainError("io.failed", `cannot write ${path}: the system took no more bytes (EIO)`);
        done += count;
      }
    },
  };
}

async function verifyFile(
  temporary: string,
  files: FileOperations,
  verify: (source: ByteSource) => Promise<void>,
): Promise<void> {
  const source = await openFile(temporary, { files });
  try {
    await verify(source);
  } finally {
    await source.close();
  }
}

async function removeQuietly(files: FileOperations, path: string): Promise<void> {
  try {
    await files.unlink(path);
  } catch {
    // Never made, or the write's own failure is the news; the name of one that stays says that it can be swept later.
  }
}

/** The operation's result; a failure says what was tried with which path. */
export async function attempt<T>(operation: Promise<T>, doing: string, path: string): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    throw systemError(error, doing, path);
  }
}
