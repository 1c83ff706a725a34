import { join } from "node:path";
import { processIdentity } from "./environment.js";
import type { FileOperations } from "./fileOperations.js";
import { nodeFiles } from "./fileOperations.js";
import { isAlive, thisProcess } from "./processOwner.js";
import type { TemporaryName } from "./temporaryName.js";
import { hostTag, parseTemporaryName } from "./temporaryName.js";
import { listFolder, removeFile } from "./textFile.js";

/** Of another machine nobody can say which processes live; what is this old has been left behind. */
const FOREIGN_AGE_MS = 24 * 60 * 60 * 1000;

/** What decides whether the process that was writing a temp file is still at it. */
export interface TemporaryOwner {
  readonly files?: FileOperations;
  readonly isRunning?: (pid: number) => boolean;
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
    const temporary = kind === "file" ? parseTemporaryName(name) : null;
    if (temporary?.name.endsWith(ending) !== true) continue;
    const path = join(folder, name);
    try {
      if (!isStale(temporary, (await files.status(path)).modified, owner)) continue;
      await removeFile(path, files);
      removed.push(name);
    } catch {
      // Somebody else's by now, or gone.
    }
  }
  return removed;
}

function isStale({ host, pid }: TemporaryName, modified: number, owner: TemporaryOwner): boolean {
  const self = processIdentity();
  const { now = Date.now(), started = performance.timeOrigin, isRunning: runs = isRunning } = owner;
  if (host !== hostTag(self.host)) return now - modified > FOREIGN_AGE_MS;
  // In a container every run may have the same number.
  return pid === self.pid ? modified < started : !runs(pid);
}

function isRunning(pid: number): boolean {
  return isAlive({ ...thisProcess(), pid, began: null }) ?? true;
}
