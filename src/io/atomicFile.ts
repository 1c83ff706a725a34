import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { LtrainError } from "../errors.js";
import type { ByteSink } from "./byteSink.js";
import type { ByteSource } from "./byteSource.js";
import type { FileOperations, OpenFile } from "./fileOperations.js";
import { nodeFiles } from "./fileOperations.js";
import { openFile } from "./fileSource.js";
import { isMissing, systemError } from "./systemError.js";

/** How an atomic write is done, and how its result is looked at before it counts. */
export interface AtomicWriteOptions {
  readonly files?: FileOperations;
  /** Reads back what was written; an error keeps the old file. */
  readonly verify?: (source: ByteSource) => Promise<void>;
  /** Wait until file and folder are on the disk (the default). Without it a power cut may take what a kill cannot. */
  readonly durable?: boolean;
}

/** A system call moves at most this much at once; some refuse more than 2 GiB. */
const MAX_WRITE_BYTES = 1 << 30;

/**
 * Write a file so that a reader, a crash or a full disk sees the old file or the new one, never half: a temp file in the
 * same folder, fsync, verify, rename, fsync of the folder. The folder is created when missing.
 */
export async function writeFileAtomically(
  path: string,
  write: (sink: ByteSink) => Promise<void>,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const files = options.files ?? nodeFiles;
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`);
  await attempt(files.makeFolder(folder), "create the folder", folder);
  await refuseFolder(files, path);
  let created = false;
  try {
    const file = await attempt(files.open(temporary, "create"), "write", path);
    created = true;
    await fill(file, path, write, options.durable !== false);
    if (options.verify !== undefined) await verifyFile(temporary, files, options.verify);
    await attempt(files.rename(temporary, path), "replace", path);
    created = false;
  } finally {
    if (created) await removeQuietly(files, temporary);
  }
  if (options.durable !== false) await attempt(files.syncFolder(folder), "make durable", path);
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
    await write({
      async write(bytes) {
        let done = 0;
        while (done < bytes.byteLength) {
          const piece = bytes.subarray(done, done + MAX_WRITE_BYTES);
          const count = await attempt(file.write(piece), "write", path);
          // A write that takes nothing would loop for ever.
          if (count <= 0)
            throw new LtrainError("io.failed", `cannot write ${path}: the system took no more bytes (EIO)`);
          done += count;
        }
      },
    });
    if (durable) await attempt(file.sync(), "make durable", path);
    closed = true;
    await attempt(file.close(), "close", path);
  } finally {
    if (!closed) await file.close().catch(() => undefined); // what failed before is the news
  }
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
    // The write's own failure is the news; a temp file that cannot be removed now is named so that it can be swept later.
  }
}

async function attempt<T>(operation: Promise<T>, doing: string, path: string): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    throw systemError(error, doing, path);
  }
}
