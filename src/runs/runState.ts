import { lockOwner } from "../io/folderLock.js";
import type { RunRecord } from "../callbacks/runRecord.js";

/** What became of a run; "unknown" of one that keeps no record, as Lightning's. */
export type RunState = "running" | "done" | "interrupted" | "failed" | "unknown";

/**
 * The state of the run in a folder. It runs while a living process holds the folder's lock; else it is what the run
 * itself said at its end. One that says it runs, and whose process is gone, was killed.
 */
export async function runState(folder: string, record: RunRecord | null): Promise<RunState> {
  if ((await lockOwner(folder)) !== null) return "running";
  if (record === null) return "unknown";
  return record.state === "running" ? "interrupted" : record.state;
}
