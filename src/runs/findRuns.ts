import { join } from "node:path";
import type { FolderEntry } from "../io/fileOperations.js";
import { listFolder, statusOf } from "../io/textFile.js";

/** A run's folder, and when something was last written in it. */
export interface FoundRun {
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** Files that only a run's folder has; config.yaml lies elsewhere, too. */
const MARKS = /^(?:metrics\.(?:csv|jsonl)|run\.json|hparams\.yaml|checkpoints\.jsonl|events\.out\.tfevents\..*)$/;
/** `lightning_logs/name/version_N/sub` below the folder that is asked about. */
const DEEPEST = 5;

/** Whether a folder is a run's. */
export async function isRunFolder(folder: string): Promise<boolean> {
  return hasMarks(folder, await listFolder(folder));
}

/** The runs at and below a folder, the newest first; hidden folders and node_modules are passed by. */
export async function findRuns(folder: string): Promise<FoundRun[]> {
  const found: FoundRun[] = [];
  const visit = async (path: string, depth: number): Promise<void> => {
    const entries = await listFolder(path);
    if (await hasMarks(path, entries)) {
      found.push({ path, modified: await lastWrite(path, entries) });
      return;
    }
    if (depth === DEEPEST) return;
    for (const { name, kind } of entries) {
      if (name.startsWith(".") || name === "node_modules") continue;
      const below = join(path, name);
      // A link to a folder is a folder here: runs are often kept on another disk.
      if (kind === "folder" || (kind === "other" && (await statusOf(below))?.kind === "folder")) {
        await visit(below, depth + 1);
      }
    }
  };
  await visit(folder, 0);
  return found.sort((a, b) => b.modified - a.modified || versionOf(b.path) - versionOf(a.path));
}

async function hasMarks(folder: string, entries: readonly FolderEntry[]): Promise<boolean> {
  if (entries.some(({ name, kind }) => kind !== "folder" && MARKS.test(name))) return true;
  if (!entries.some(({ name, kind }) => name === "checkpoints" && kind !== "file")) return false;
  return (await listFolder(join(folder, "checkpoints"))).some(({ name }) => name.endsWith(".ckpt"));
}

async function lastWrite(folder: string, entries: readonly FolderEntry[]): Promise<number> {
  let latest = 0;
  for (const { name } of entries) latest = Math.max(latest, (await statusOf(join(folder, name)))?.modified ?? 0);
  return latest;
}

function versionOf(path: string): number {
  return Number(/version_(\d+)$/.exec(path)?.[1] ?? -1);
}
