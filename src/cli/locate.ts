import type { FoundCheckpoint } from "../checkpoint/findCheckpoints.js";
import type { Terminal } from "../io/console.js";
import { isUrl } from "../io/location.js";
import { fileExists } from "../io/textFile.js";
import { printable } from "./printable.js";

/** Where a checkpoint was found. */
export type LocatedCheckpoint = Pick<FoundCheckpoint, "path" | "searched">;

/** The checkpoint a path means; when it had to be searched for, stderr is told which one it is and what was passed over. */
export async function locateCheckpoint(path: string, terminal: Terminal): Promise<LocatedCheckpoint> {
  if (isUrl(path) || (await fileExists(path))) return { path, searched: false };
  const { checkpointFolderAt } = await import("../checkpoint/checkpointFolder.js");
  if ((await checkpointFolderAt(path)) !== undefined) return { path, searched: false };
  const { findNewestCheckpoint } = await import("../checkpoint/findCheckpoints.js");
  const found = await findNewestCheckpoint(path);
  if (found.searched) {
    const where = `epoch ${found.epoch}, global step ${found.globalStep}`;
    terminal.stderr.write(`using ${printable(found.path)} (the newest: ${where})\n`);
  }
  for (const { path: skipped, reason } of found.skipped) {
    terminal.stderr.write(`warning: passed over ${printable(skipped)}: ${printable(reason)}\n`);
  }
  return found;
}
