import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { FileOperations } from "./fileOperations.js";
import { nodeFiles } from "./fileOperations.js";
import { isMissing, systemError } from "./systemError.js";

/** The absolute path with `~` and every symbolic link followed, also when its last parts do not exist yet. */
export async function resolvePath(path: string, files: FileOperations = nodeFiles): Promise<string> {
  const absolute = resolve(path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path);
  const missing: string[] = [];
  let existing = absolute;
  for (;;) {
    try {
      return join(await files.realPath(existing), ...missing);
    } catch (error) {
      const parent = dirname(existing);
      if (!isMissing(error) || parent === existing) throw systemError(error, "resolve", path);
      missing.unshift(basename(existing));
      existing = parent;
    }
  }
}
