import { dirname, basename } from "node:path";
import type { FileOperations, FileStatus, OpenFile } from "../../src/io/fileOperations.js";

/** Something that was done to a disk, as far as a power cut can tell. */
export type DiskOperation =
  | { readonly kind: "write"; readonly inode: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "sync"; readonly inode: number }
  /** A name for an inode: of a new file, a hard link. */
  | { readonly kind: "name"; readonly folder: string; readonly path: string; readonly inode: number }
  | {
      readonly kind: "rename";
      readonly folder: string;
      readonly from: string;
      readonly path: string;
      readonly inode: number;
    }
  | { readonly kind: "unname"; readonly folder: string; readonly path: string }
  | { readonly kind: "folder"; readonly folder: string; readonly path: string }
  | { readonly kind: "syncFolder"; readonly folder: string }
  /** Not of the disk: somebody was told that this is durable. */
  | { readonly kind: "told"; readonly what: number };

interface File {
  readonly inode: number;
  bytes: Uint8Array;
}

const failure = (errno: string): Error => Object.assign(new Error(`${errno}: in memory`), { code: errno });

/** How a disk in memory behaves. */
export interface MemoryDiskOptions {
  /** Bytes that one write takes at most. */
  readonly mostPerWrite?: number;
  readonly canClone?: boolean;
}

/** A disk in memory, and the order in which things were done to it. */
export class MemoryDisk {
  readonly log: DiskOperation[] = [];
  readonly #files = new Map<string, File>();
  readonly #folders = new Set<string>(["/"]);
  readonly #options: MemoryDiskOptions;
  #inodes = 0;

  constructor(options: MemoryDiskOptions = {}) {
    this.#options = options;
  }

  /** A disk with these files on it. */
  static of(contents: ReadonlyMap<string, Uint8Array>): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [path, bytes] of contents) {
      for (let at = dirname(path); !disk.#folders.has(at); at = dirname(at)) disk.#folders.add(at);
      disk.#files.set(path, { inode: (disk.#inodes += 1), bytes });
    }
    return disk;
  }

  readonly files: FileOperations = {
    open: (path, mode) => this.#do(() => this.#open(path, mode)),
    status: (path) => this.#do(() => this.#status(path)),
    rename: (from, path) =>
      this.#do(() => {
        const file = this.#file(from);
        // POSIX: two names of one file, and nothing happens.
        if (this.#files.get(path)?.inode === file.inode) return;
        this.#files.delete(from);
        this.#files.set(path, file);
        this.log.push({ kind: "rename", folder: dirname(path), from, path, inode: file.inode });
      }),
    unlink: (path) =>
      this.#do(() => {
        this.#file(path);
        this.#files.delete(path);
        this.log.push({ kind: "unname", folder: dirname(path), path });
      }),
    makeFolder: (path) =>
      this.#do(() => {
        const missing: string[] = [];
        for (let at = path; !this.#folders.has(at); at = dirname(at)) missing.unshift(at);
        for (const made of missing) {
          this.#folders.add(made);
          this.log.push({ kind: "folder", folder: dirname(made), path: made });
        }
      }),
    removeFolder: () => Promise.reject(failure("ENOSYS")),
    listFolder: (path) =>
      this.#do(() => {
        if (!this.#folders.has(path)) throw failure("ENOENT");
        const names = [...this.#files.keys()].filter((each) => dirname(each) === path).map((each) => basename(each));
        return names.map((name) => ({ name, kind: "file" as const }));
      }),
    syncFolder: (path) =>
      this.#do(() => {
        this.log.push({ kind: "syncFolder", folder: path });
      }),
    realPath: (path) => Promise.resolve(path),
    link: () => Promise.reject(failure("ENOSYS")),
    hardLink: (from, path) =>
      this.#do(() => {
        const file = this.#file(from);
        if (this.#files.has(path)) throw failure("EEXIST");
        this.#files.set(path, file);
        this.log.push({ kind: "name", folder: dirname(path), path, inode: file.inode });
      }),
    clone: (from, path) =>
      this.#do(() => {
        if (this.#options.canClone !== true) throw failure("ENOTSUP");
        const { bytes } = this.#file(from);
        const clone = this.#create(path);
        clone.bytes = bytes;
        this.log.push({ kind: "write", inode: clone.inode, offset: 0, bytes });
      }),
    freeSpace: () => Promise.resolve(1e12),
  };

  async #do<T>(operation: () => T): Promise<T> {
    await Promise.resolve();
    return operation();
  }

  #file(path: string): File {
    const file = this.#files.get(path);
    if (file === undefined) throw failure("ENOENT");
    return file;
  }

  #create(path: string): File {
    if (this.#files.has(path)) throw failure("EEXIST");
    if (!this.#folders.has(dirname(path))) throw failure("ENOENT");
    const file = { inode: (this.#inodes += 1), bytes: new Uint8Array(0) };
    this.#files.set(path, file);
    this.log.push({ kind: "name", folder: dirname(path), path, inode: file.inode });
    return file;
  }

  #status(path: string): FileStatus {
    if (this.#folders.has(path)) return { kind: "folder", byteLength: 0, modified: 0, identity: path };
    const { inode, bytes } = this.#file(path);
    return { kind: "file", byteLength: bytes.byteLength, modified: 0, identity: String(inode) };
  }

  #open(path: string, mode: string): OpenFile {
    const isNew = mode === "create" || (mode === "append" && !this.#files.has(path));
    const file = isNew ? this.#create(path) : this.#file(path);
    const { mostPerWrite = Infinity } = this.#options;
    return {
      read: (buffer, offset, length, position) =>
        this.#do(() => {
          const piece = file.bytes.subarray(position, position + length);
          buffer.set(piece, offset);
          return piece.byteLength;
        }),
      write: (bytes) =>
        this.#do(() => {
          const piece = bytes.slice(0, mostPerWrite);
          const offset = file.bytes.byteLength;
          file.bytes = new Uint8Array(Buffer.concat([file.bytes, piece]));
          this.log.push({ kind: "write", inode: file.inode, offset, bytes: piece });
          return piece.byteLength;
        }),
      status: () => this.#do(() => this.#status(path)),
      sync: () =>
        this.#do(() => {
          this.log.push({ kind: "sync", inode: file.inode });
        }),
      close: () => Promise.resolve(),
    };
  }
}
