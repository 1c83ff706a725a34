import { basename, dirname, join, resolve } from "node:path";
import { LtrainError } from "../errors.js";
import { statusOf } from "../io/textFile.js";
import { findRuns, isRunFolder } from "./findRuns.js";
import { METRIC_FILES } from "./metricTable.js";

/**
 * The run's folder that a path means: the folder itself, the newest run below it, or the one that a file of metrics or a
 * checkpoint lies in.
 */
export async function locateRun(path: string): Promise<string> {
  const status = await statusOf(path);
  if (status === undefined) throw new LtrainError("file.missing", `there is no file or folder ${path}`);
  if (status.kind !== "folder") return folderOfFile(path);
  if (await isRunFolder(path)) return path;
  const [newest] = await findRuns(path);
  if (newest !== undefined) return newest.path;
  throw new LtrainError("file.missing", `there is no run under ${path}`, {
    hint: `a run's folder holds ${METRIC_FILES.join(" or ")}, hparams.yaml or checkpoints/; ltrain runs lists them`,
  });
}

async function folderOfFile(path: string): Promise<string> {
  const folder = dirname(resolve(path));
  const run = basename(folder) === "checkpoints" ? dirname(folder) : folder;
  if (await isRunFolder(run)) return run;
  throw new LtrainError("file.missing", `${path} lies in no run's folder`, {
    hint: `name a folder such as ${join("lightning_logs", "version_0")}`,
  });
}

/** Short names that tell folders apart: the last parts of their paths, as many as it takes. */
export function shortNames(folders: readonly string[]): string[] {
  const parts = folders.map((folder) => resolve(folder).split(/[\\/]/));
  const most = Math.max(...parts.map(({ length }) => length), 1);
  for (let depth = 1; depth < most; depth += 1) {
    const names = parts.map((each) => each.slice(-depth).join("/"));
    if (new Set(names).size === names.length) return names;
  }
  return [...folders];
}
