import { createHash, randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { processIdentity } from "./environment.js";
import type { FileOperations } from "./fileOperations.js";
import { nodeFiles } from "./fileOperations.js";
import { listFolder, removeFile } from "./textFile.js";

/** Of another machine nobody can say which processes live; what is this old has been left behind. */
const FOREIGN_AGE_MS = 24 * 60 * 60 * 1000;

const TEMPORARY = /^\.(.+)\.([0-9a-f]{8})-(\d+)\.[0-9a-f]{12}\.tmp$/;

/** Where a file is written before it takes its name: in the same folder, so that a rename is all that is left to do. */
export function temporaryPath(path: string): string {
  const { host, pid } = processIdentity();
  const name = `.${basename(path)}.${hostTag(host)}-${pid}.${randomBytes(6).toString("hex")}.tmp`;
  return join(dirname(path), name);
}

/** What decides whether the process that was writing a temp file is still at it. */
export interface TemporaryOwner {
  readonly files?: FileOperations;
  readonly isAlive?: (pid: number) => boolean;
  /** Milliseconds since 1970. */
  readonly now?: number;
  /** When this process began. */
  readonly started?: number;
}

/**
 * Remove what writes of ours that were cut short left in a folder: temp files of our naming for files with this ending,
 * whose process is gone. Gives their names; one that cannot be removed is in nobody's way.
 */
export async function removeStaleTemporaries(
  folder: string,
  ending: string,
  owner: TemporaryOwner = {},
): Promise<string[]> {
  const files = owner.files ?? nodeFiles;
  const removed: string[] = [];
  for (const { name, kind } of await listFolder(folder, files)) {
    const match = kind === "file" ? TEMPORARY.exec(name) : null;
    if (match?.[1]?.endsWith(ending) !== true) continue;
    const path = join(folder, name);
    try {
      if (!isStale(match[2] ?? "", Number(match[3]), (await files.status(path)).modified, owner)) continue;
      await removeFile(path, files);
      removed.push(name);
    } catch {
      // Somebody else's by now, or gone.
    }
  }
  return removed;
}

function isStale(tag: string, pid: number, modified: number, owner: TemporaryOwner): boolean {
  const self = processIdentity();
  const { now = Date.now(), started = performance.timeOrigin, isAlive = processIsAlive } = owner;
  if (tag !== hostTag(self.host)) return now - modified > FOREIGN_AGE_MS;
  // In a container every run may have the same number.
  return pid === self.pid ? modified < started : !isAlive(pid);
}

function hostTag(host: string): string {
  return createHash("sha256").update(host).digest("hex").slice(0, 8);
}

function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return typeof error === "object" && error !== null && "code" in error && error.code === "EPERM";
  }
}
