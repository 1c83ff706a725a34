import type { FoundCheckpoint } from "../checkpoint/findCheckpoints.js";
import { findNewestCheckpoint } from "../checkpoint/findCheckpoints.js";
import type { Terminal } from "../io/console.js";
import { printable } from "./printable.js";

/** The checkpoint a path means; when it had to be searched for, stderr is told which one it is and what was passed over. */
export async function locateCheckpoint(path: string, terminal: Terminal): Promise<FoundCheckpoint> {
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
