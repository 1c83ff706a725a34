import { dirname, join, relative } from "node:path";
import { LtrainError } from "../errors.js";
import type { FileOperations } from "../io/fileOperations.js";
import { nodeFiles } from "../io/fileOperations.js";
import { listFolder, statusOf } from "../io/textFile.js";
import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import type { Checkpoint } from "./checkpoint.js";
import { checkpointFiles, DCP_METADATA } from "./checkpointFiles.js";
import { loadCheckpoint } from "./loadCheckpoint.js";
import { readScalar } from "./readScalar.js";

/** One checkpoint of a folder, as far as its directory and its pickle tell. */
export interface SurveyedCheckpoint {
  readonly path: string;
  /** The path from the folder that was surveyed. */
  readonly file: string;
  /** Bytes of the file, or of all files of a distributed checkpoint. */
  readonly byteLength: number;
  /** When it was written, in milliseconds since 1970. */
  readonly modified: number;
  /** null: the file does not say. */
  readonly epoch: number | null;
  readonly globalStep: number | null;
  readonly lightningVersion: string | null;
  /** What a ModelCheckpoint watched, and what it was when the file was written. */
  readonly metric: { readonly name: string; readonly value: number } | null;
  /** Why it cannot be read; null of one whose records and tensors are all in their places. */
  readonly error: LtrainError | null;
}

/** Look into every checkpoint of a folder and of those below it, one after the other; their tensors are not read. */
export async function* surveyFolder(
  folder: string,
  files: FileOperations = nodeFiles,
): AsyncGenerator<SurveyedCheckpoint> {
  for (const path of await checkpointFiles(folder, files)) {
    const size = await sizeOf(path, files);
    const file = { path, file: relative(folder, path) || path, ...size };
    try {
      yield { ...file, ...(await look(path, files)), error: null };
    } catch (error) {
      if (!(error instanceof LtrainError)) throw error;
      yield { ...file, epoch: null, globalStep: null, lightningVersion: null, metric: null, error };
    }
  }
}

async function sizeOf(path: string, files: FileOperations): Promise<{ byteLength: number; modified: number }> {
  const status = await statusOf(path, files);
  if (status?.kind !== "folder") return { byteLength: status?.byteLength ?? 0, modified: status?.modified ?? 0 };
  let byteLength = 0;
  for (const { name } of await listFolder(path, files)) {
    byteLength += (await statusOf(join(path, name), files))?.byteLength ?? 0;
  }
  return { byteLength, modified: (await statusOf(join(path, DCP_METADATA), files))?.modified ?? status.modified };
}

type Told = Pick<SurveyedCheckpoint, "epoch" | "globalStep" | "lightningVersion" | "metric">;

async function look(path: string, files: FileOperations): Promise<Told> {
  const loaded = await loadCheckpoint(path, { files });
  try {
    const { checkpoint, root } = loaded;
    const says = (key: string): boolean => root instanceof PyDict && root.has(key);
    return {
      epoch: says("epoch") ? checkpoint.epoch : null,
      globalStep: says("global_step") ? checkpoint.globalStep : null,
      lightningVersion: checkpoint.lightningVersion,
      metric: await metricOf(checkpoint, path),
    };
  } finally {
    await loaded.close();
  }
}

/** The score of the first ModelCheckpoint that watches something: the one it saved this file with. */
async function metricOf({ callbacks }: Checkpoint, path: string): Promise<SurveyedCheckpoint["metric"]> {
  for (const [key, state] of callbacks ?? []) {
    if (!(state instanceof PyDict)) continue;
    const monitor =
      state.get("monitor") ?? (typeof key === "string" ? /'monitor': '([^']*)'/.exec(key)?.[1] : undefined);
    if (typeof monitor !== "string") continue;
    const value = (await readScalar(scoreOf(state, path))) ?? (await readScalar(state.get("current_score")));
    if (value !== null) return { name: monitor, value };
  }
  return null;
}

/** A file that is among the best is under its own name there, wherever the run was when it wrote it. */
function scoreOf(state: PyDict, path: string): PyValue | undefined {
  const best = state.get("best_k_models");
  if (!(best instanceof PyDict)) return undefined;
  const name = nameOf(path);
  for (const [key, score] of best) if (typeof key === "string" && nameOf(key) === name) return score;
  return undefined;
}

function nameOf(path: string): string {
  return path.slice(dirname(path).length).replace(/^[\\/]/, "");
}
