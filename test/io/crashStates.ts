import { createHash } from "node:crypto";
import type { DiskOperation } from "./memoryFiles.js";

/** What a power cut may leave on a disk: files by path. */
export interface CrashState {
  readonly contents: ReadonlyMap<string, Uint8Array>;
  /** Two states with the same key are the same. */
  readonly key: string;
  /** How many operations had been done. */
  readonly prefix: number;
  /** The newest thing that somebody had been told is durable. */
  readonly told: number;
}

/** What a disk writes in one go, or not at all. */
const SECTORS = [512, 4096];
/** Of more pending things than this, not every subset is tried but all prefixes and all that miss one. */
const FULL_SUBSETS = 8;

/**
 * Every state that a power cut during these operations may leave: after each of them, everything that was brought to the
 * disk is there, and of the rest any part: each write whole, not at all or torn at a sector, each change of a name or not.
 */
export function* crashStates(log: readonly DiskOperation[]): Generator<CrashState> {
  const seen = new Set<string>();
  for (let prefix = 0; prefix <= log.length; prefix += 1) {
    const done = log.slice(0, prefix);
    const told = done.reduce((newest, each) => (each.kind === "told" ? each.what : newest), 0);
    for (const inodes of dataStates(done)) {
      for (const contents of nameStates(done, inodes)) {
        const key = `${told} ${keyOf(contents)}`;
        if (seen.has(key)) continue;
        seen.add(key);
        yield { contents, key, prefix, told };
      }
    }
  }
}

type Write = DiskOperation & { kind: "write" };

/** What the inodes may hold; only one of them is in doubt at a time, the others are whole or as they were synced. */
function* dataStates(done: readonly DiskOperation[]): Generator<Map<number, Uint8Array>> {
  const synced = new Map<number, Write[]>();
  const pending = new Map<number, Write[]>();
  for (const each of done) {
    if (each.kind === "write") pending.set(each.inode, [...(pending.get(each.inode) ?? []), each]);
    if (each.kind === "sync") {
      synced.set(each.inode, [...(synced.get(each.inode) ?? []), ...(pending.get(each.inode) ?? [])]);
      pending.delete(each.inode);
    }
  }
  const inodes = new Set([...synced.keys(), ...pending.keys()]);
  const build = (chosen: (inode: number) => readonly Write[]): Map<number, Uint8Array> =>
    new Map([...inodes].map((inode) => [inode, written([...(synced.get(inode) ?? []), ...chosen(inode)])]));
  yield build((inode) => pending.get(inode) ?? []);
  yield build(() => []);
  for (const [doubted, writes] of pending) {
    for (const some of [...subsets(writes), ...torn(writes)]) {
      yield build((inode) => (inode === doubted ? some : (pending.get(inode) ?? [])));
    }
  }
}

function written(writes: readonly Write[]): Uint8Array {
  const length = writes.reduce((most, { offset, bytes }) => Math.max(most, offset + bytes.byteLength), 0);
  const content = new Uint8Array(length); // what was skipped reads as zeros
  for (const { offset, bytes } of writes) content.set(bytes, offset);
  return content;
}

/** The last write that is there ends, or begins, at a sector. */
function* torn(writes: readonly Write[]): Generator<Write[]> {
  for (const [index, write] of writes.entries()) {
    for (const sector of SECTORS) {
      const first = Math.ceil((write.offset + 1) / sector) * sector - write.offset;
      for (let cut = first; cut < write.bytes.byteLength; cut += sector) {
        const head = { ...write, bytes: write.bytes.subarray(0, cut) };
        const tail = { ...write, offset: write.offset + cut, bytes: write.bytes.subarray(cut) };
        yield [...writes.slice(0, index), head];
        yield [...writes.slice(0, index), tail, ...writes.slice(index + 1)];
      }
    }
  }
}

type Naming = Exclude<DiskOperation, { kind: "write" | "sync" | "syncFolder" | "told" }>;

function* nameStates(
  done: readonly DiskOperation[],
  inodes: ReadonlyMap<number, Uint8Array>,
): Generator<Map<string, Uint8Array>> {
  const durable: Naming[] = [];
  let pending: Naming[] = [];
  for (const each of done) {
    if (each.kind === "syncFolder") {
      durable.push(...pending.filter(({ folder }) => folder === each.folder));
      pending = pending.filter(({ folder }) => folder !== each.folder);
    } else if (each.kind !== "write" && each.kind !== "sync" && each.kind !== "told") pending.push(each);
  }
  for (const some of subsets(pending)) yield named([...durable, ...some], inodes);
}

function named(names: readonly Naming[], inodes: ReadonlyMap<number, Uint8Array>): Map<string, Uint8Array> {
  const folders = new Set(["/"]);
  const files = new Map<string, number>();
  for (const each of names) {
    if (each.kind === "folder") folders.add(each.path);
    else if (each.kind === "unname") files.delete(each.path);
    else {
      if (each.kind === "rename") files.delete(each.from);
      files.set(each.path, each.inode);
    }
  }
  const isThere = (path: string): boolean => {
    const folder = path.slice(0, path.lastIndexOf("/"));
    return folder === "" || (folders.has(folder) && isThere(folder));
  };
  const there = [...files].filter(([path]) => isThere(path));
  return new Map(there.map(([path, inode]) => [path, inodes.get(inode) ?? new Uint8Array(0)]));
}

/** Parts of a list in its order: all of them where they are few, else the prefixes and those that miss one. */
function* subsets<T>(list: readonly T[]): Generator<T[]> {
  if (list.length <= FULL_SUBSETS) {
    for (let bits = 0; bits < 2 ** list.length; bits += 1) yield list.filter((_, i) => (bits >> i) % 2 === 1);
    return;
  }
  for (let end = 0; end <= list.length; end += 1) yield list.slice(0, end);
  for (let missing = 0; missing < list.length; missing += 1) yield list.filter((_, i) => i !== missing);
}

const digests = new WeakMap<Uint8Array, string>();

/** The SHA-256 of bytes that do not change. */
export function digestOf(bytes: Uint8Array): string {
  const known = digests.get(bytes) ?? createHash("sha256").update(bytes).digest("hex");
  digests.set(bytes, known);
  return known;
}

function keyOf(contents: ReadonlyMap<string, Uint8Array>): string {
  return [...contents]
    .map(([path, bytes]) => `${path}=${digestOf(bytes)}`)
    .sort()
    .join(" ");
}
