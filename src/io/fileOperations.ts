import { constants, promises as fs, statSync, writeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileStatus, OpenFile } from "./openFile.js";
import { statusOf } from "./openFile.js";
import { ReadOnlyFile } from "./readOnlyFile.js";
import { errnoOf, isMissing } from "./systemError.js";

export type { FileStatus, OpenFile } from "./openFile.js";

/** One name in a folder. */
export interface FolderEntry {
  readonly name: string;
  readonly kind: "file" | "folder" | "other";
}

/** How a file is opened: to read, to create what must not be there yet, to replace, or to add at the end. */
export type OpenMode = "read" | "create" | "replace" | "append";

/** Every touch of the file system by the product goes through this, so that a test can let any one of them fail. */
export interface FileOperations {
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  /** Follows symbolic links. */
  status(path: string): Promise<FileStatus>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Creates the folders above it too; an existing folder is fine. */
  makeFolder(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
  listFolder(path: string): Promise<readonly FolderEntry[]>;
  /** Makes a rename in this folder survive a power cut; a no-op where folders cannot be opened. */
  syncFolder(path: string): Promise<void>;
  /** Bytes that may still be written under this path. */
  freeSpace(path: string): Promise<number>;
  /** The path with every symbolic link followed. */
  realPath(path: string): Promise<string>;
  link(target: string, path: string): Promise<void>;
  /** A second name for a file. */
  hardLink(file: string, path: string): Promise<void>;
  /** A file of its own that shares its blocks with `file` until one of them is written; few file systems can. */
  clone(file: string, path: string): Promise<void>;
}

const FLAGS = { create: "wx", replace: "w", append: "a" } as const satisfies Record<Exclude<OpenMode, "read">, string>;

/** Up to this many bytes are in the system's cache sooner than a thread of the pool has been asked to bring them there. */
const WRITE_AT_ONCE = 1 << 19;

/** A write that is quick is done at once; whoever writes much reads much, and reading lets others have their turn. */
async function written(handle: FileHandle, bytes: Uint8Array): Promise<number> {
  if (bytes.byteLength <= WRITE_AT_ONCE) return writeSync(handle.fd, bytes);
  return (await handle.write(bytes, 0, bytes.byteLength, null)).bytesWritten;
}

/** The real file system. */
export const nodeFiles: FileOperations = {
  async open(path, mode) {
    if (mode === "read") return new ReadOnlyFile(path);
    const handle = await fs.open(path, FLAGS[mode]);
    return {
      read: async (buffer, offset, length, position) => (await handle.read(buffer, offset, length, position)).bytesRead,
      write: (bytes) => written(handle, bytes),
      status: async () => statusOf(await handle.stat()),
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  },
  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws is a promise's failure
  status: async (path) => statusOf(statSync(path)),
  rename: (from, to) => fs.rename(from, to),
  unlink: (path) => fs.unlink(path),
  async makeFolder(path) {
    await fs.mkdir(path, { recursive: true }).catch((error: unknown) => makeOneByOne(path, error));
  },
  removeFolder: (path) => fs.rm(path, { recursive: true }),
  async listFolder(path) {
    const entries = await fs.readdir(path, { withFileTypes: true });
    return entries.map((entry) => ({
      name: entry.name,
      kind: entry.isFile() ? "file" : entry.isDirectory() ? "folder" : "other",
    }));
  },
  async syncFolder(path) {
    // Windows cannot open a folder; there the rename itself is as durable as it gets.
    if (process.platform === "win32") return;
    const handle = await fs.open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  realPath: (path) => fs.realpath(path),
  async link(target, path) {
    await fs.symlink(target, path);
  },
  hardLink: (file, path) => fs.link(file, path),
  clone: (file, path) => fs.copyFile(file, path, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL),
  async freeSpace(path) {
    const { bavail, bsize } = await fs.statfs(path);
    return bavail * bsize;
  },
};

/** The folder a path lies in, "." for a bare name. */
export function folderOf(path: string): string {
  return dirname(path);
}

/** Of several folders on a disk that is read-only node says that they do not exist; of one it says why. */
async function makeOneByOne(path: string, error: unknown): Promise<void> {
  if (!isMissing(error) || dirname(path) === path) throw error;
  await fs.mkdir(dirname(path)).catch(async (reason: unknown) => {
    if (isMissing(reason)) await makeOneByOne(dirname(path), reason);
    else if (errnoOf(reason) !== "EEXIST") throw reason;
  });
  await fs.mkdir(path);
}
