import { join } from "node:path";
import { LtrainError } from "../errors.js";
import type { FileOperations } from "../io/fileOperations.js";
import { nodeFiles } from "../io/fileOperations.js";
import { listFolder, statusOf } from "../io/textFile.js";
import { checkpointFolderAt } from "./checkpointFolder.js";
import type { CheckpointCandidate, SkippedCheckpoint } from "./checkpointCandidates.js";
import { checkpointCandidates } from "./checkpointCandidates.js";

/** A checkpoint that was found, and what was passed over on the way. */
export interface FoundCheckpoint {
  readonly path: string;
  /** Whether it was searched for, or is the file that was named. */
  readonly searched: boolean;
  readonly epoch: number;
  readonly globalStep: number;
  /** Files of the same run that could not be read, with the reason. */
  readonly skipped: readonly SkippedCheckpoint[];
}

/** The checkpoints of one run, the newest first. */
export interface CheckpointSearch {
  /** Whether they were searched for, or one file was named. */
  readonly searched: boolean;
  readonly candidates: readonly CheckpointCandidate[];
  readonly skipped: readonly SkippedCheckpoint[];
}

/**
 * The newest checkpoint at a path: the file itself, or of a checkpoints folder, a run folder (version_N), a logger's
 * folder of runs, or the folder above (lightning_logs). The newest run is the highest N; within it, what
 * checkpointCandidates says.
 */
export async function findNewestCheckpoint(path: string, files: FileOperations = nodeFiles): Promise<FoundCheckpoint> {
  const { searched, candidates, skipped } = await searchCheckpoints(path, files);
  const [newest] = candidates;
  if (newest === undefined) throw skipped[0]?.error ?? new TypeError("a search ends with a checkpoint or a reason");
  return { path: newest.path, searched, epoch: newest.epoch, globalStep: newest.globalStep, skipped };
}

/** All checkpoints of the run at a path, the newest first; see findNewestCheckpoint for which run it is. */
export async function searchCheckpoints(path: string, files: FileOperations = nodeFiles): Promise<CheckpointSearch> {
  const status = await statusOf(path, files);
  if (status === undefined) {
    const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(path)?.[0];
    const hint = scheme === undefined ? {} : { hint: `${scheme} is not read; paths and https:// addresses are` };
    throw new LtrainError("file.missing", `there is no file or folder ${path}`, hint);
  }
  if (status.kind !== "folder" || (await checkpointFolderAt(path, files)) !== undefined) {
    return { searched: false, candidates: [{ path, epoch: 0, globalStep: 0 }], skipped: [] };
  }
  for (const run of await runsUnder(path, files)) {
    const names = await checkpointsIn(run, files);
    if (names.length > 0) return { searched: true, ...(await checkpointCandidates(names, files)) };
  }
  throw new LtrainError("checkpoint.missing", `there is no checkpoint under ${path}`, {
    hint: `looked for *.ckpt, checkpoints/*.ckpt and ${join("lightning_logs", "version_N", "checkpoints", "*.ckpt")}`,
  });
}

/** Folders that may hold checkpoints, the newest run first; a lone file beside the runs comes after them all. */
async function runsUnder(folder: string, files: FileOperations): Promise<string[]> {
  const own = await versionsIn(folder, files);
  if (own.length > 0) return [...own, folder];
  const families: { readonly runs: readonly string[]; readonly modified: number }[] = [];
  const add = async (runs: readonly string[]): Promise<void> => {
    const newest = runs[0] === undefined ? undefined : await statusOf(runs[0], files);
    if (newest !== undefined) families.push({ runs, modified: newest.modified });
  };
  await add([join(folder, "checkpoints")]);
  for (const name of await foldersIn(folder, files)) await add(await versionsIn(join(folder, name), files));
  // Two loggers' folders side by side cannot be ordered by their numbers, only by when their last run wrote a file.
  families.sort((a, b) => b.modified - a.modified);
  return [...families.flatMap(({ runs }) => runs), folder];
}

/** Where the runs of one logger keep their checkpoints, the highest N first. */
async function versionsIn(folder: string, files: FileOperations): Promise<string[]> {
  const versions: { readonly name: string; readonly number: number }[] = [];
  for (const name of await foldersIn(folder, files)) {
    const number = /^version_(\d+)$/.exec(name)?.[1];
    if (number !== undefined) versions.push({ name, number: Number(number) });
  }
  versions.sort((a, b) => b.number - a.number);
  const places: string[] = [];
  for (const { name } of versions) {
    for (const place of [join(folder, name, "checkpoints"), join(folder, name)]) {
      if ((await checkpointsIn(place, files)).length > 0) places.push(place);
    }
  }
  return places;
}

async function foldersIn(folder: string, files: FileOperations): Promise<string[]> {
  const entries = await listFolder(folder, files);
  const kept: string[] = [];
  for (const { name, kind } of entries) {
    if (name.startsWith(".") || name === "node_modules") continue;
    // A link to a folder is a folder here: runs are often kept on another disk.
    if (kind === "folder" || (kind === "other" && (await statusOf(join(folder, name), files))?.kind === "folder")) {
      kept.push(name);
    }
  }
  return kept;
}

async function checkpointsIn(folder: string, files: FileOperations): Promise<string[]> {
  if ((await statusOf(folder, files))?.kind !== "folder") return [];
  const found: string[] = [];
  for (const { name, kind } of await listFolder(folder, files)) {
    if (!name.endsWith(".ckpt") || name.startsWith(".")) continue;
    const path = join(folder, name);
    // A sharded checkpoint is a folder with a checkpoint's name.
    if (kind !== "folder" || (await checkpointFolderAt(path, files)) !== undefined) found.push(path);
  }
  return found;
}
