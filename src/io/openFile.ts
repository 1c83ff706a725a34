/** What is known of a path without opening it. */
export interface FileStatus {
  readonly kind: "file" | "folder" | "other";
  readonly byteLength: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
  /** Device and inode: two paths with the same identity are one file. */
  readonly identity: string;
}

/** An open file; every method may do less than it was asked and says how much. */
export interface OpenFile {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  /** Write some of `bytes` at the current position and say how many. */
  write(bytes: Uint8Array): Promise<number>;
  status(): Promise<FileStatus>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What of node's Stats is used; by name it would ask every user of the library for node's types. */
export interface NodeStats {
  readonly size: number;
  readonly mtimeMs: number;
  readonly dev: number;
  readonly ino: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

/** What node says of a path or a file. */
export function statusOf(stats: NodeStats): FileStatus {
  return {
    kind: stats.isFile() ? "file" : stats.isDirectory() ? "folder" : "other",
    byteLength: stats.size,
    modified: stats.mtimeMs,
    identity: `${stats.dev}:${stats.ino}`,
  };
}
