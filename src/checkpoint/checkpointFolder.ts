import { join } from "node:path";
import type { FileOperations } from "../io/fileOperations.js";
import { nodeFiles } from "../io/fileOperations.js";
import { fileExists, listFolder, readText, statusOf } from "../io/textFile.js";

/** A folder that is one checkpoint, and the file in it that tells of the others. */
export interface CheckpointFolder {
  readonly kind: "torch-distributed" | "sharded" | "deepspeed";
  /** `.metadata`, an index of shards, or the first of DeepSpeed's model states. */
  readonly entry: string;
}

/** torch.distributed.checkpoint writes this file last. */
export const DISTRIBUTED_ENTRY = ".metadata";
/** Hugging Face's list of shards: `model.safetensors.index.json`, `pytorch_model.bin.index.json`. */
export const SHARD_INDEX = /\.(safetensors|bin|pt|pth)\.index\.json$/i;
/** DeepSpeed's file of the first rank; those of other model-parallel ranks are numbered on. */
export const DEEPSPEED_ENTRY = /^mp_rank_0+_model_states\.pt$|^zero_pp_rank_0_mp_rank_0+_model_states\.pt$/;

/** What kind of checkpoint a folder is, undefined where it is only a folder of checkpoints or of other things. */
export async function checkpointFolderAt(
  folder: string,
  files: FileOperations = nodeFiles,
): Promise<CheckpointFolder | undefined> {
  if ((await statusOf(folder, files))?.kind !== "folder") return undefined;
  const names = (await listFolder(folder, files)).map(({ name }) => name);
  if (names.includes(DISTRIBUTED_ENTRY)) return { kind: "torch-distributed", entry: join(folder, DISTRIBUTED_ENTRY) };
  const indexes = names.filter((name) => SHARD_INDEX.test(name) && !name.startsWith("."));
  const index = indexes.find((name) => name === "model.safetensors.index.json") ?? indexes.sort().at(-1);
  if (index !== undefined) return { kind: "sharded", entry: join(folder, index) };
  const states = names.find((name) => DEEPSPEED_ENTRY.test(name));
  if (states !== undefined) return { kind: "deepspeed", entry: join(folder, states) };
  return deepSpeedBelow(folder, names, files);
}

/** Lightning puts DeepSpeed's files into `checkpoint/`; DeepSpeed itself into the folder that `latest` names. */
async function deepSpeedBelow(
  folder: string,
  names: readonly string[],
  files: FileOperations,
): Promise<CheckpointFolder | undefined> {
  const below = names.includes("latest") ? await latestTag(join(folder, "latest"), files) : undefined;
  for (const inner of [below, "checkpoint"]) {
    if (inner === undefined || !names.includes(inner)) continue;
    const path = join(folder, inner);
    if ((await statusOf(path, files))?.kind !== "folder") continue;
    const states = (await listFolder(path, files)).find(({ name }) => DEEPSPEED_ENTRY.test(name));
    if (states !== undefined) return { kind: "deepspeed", entry: join(path, states.name) };
  }
  return undefined;
}

/** A tag is a short name; a longer file called `latest` is something else. */
const MAX_TAG_BYTES = 256;

async function latestTag(path: string, files: FileOperations): Promise<string | undefined> {
  if (!(await fileExists(path, files))) return undefined;
  if (((await statusOf(path, files))?.byteLength ?? 0) > MAX_TAG_BYTES) return undefined;
  const tag = (await readText(path, files)).trim();
  return /^[^/\\]+$/.test(tag) && tag !== ".." ? tag : undefined;
}
