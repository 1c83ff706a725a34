import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";
import { isBareStateDict } from "../checkpoint/parseCheckpoint.js";

/** A file and what its tree says as a checkpoint. */
export interface Inspection {
  readonly file: OpenedFile;
  readonly checkpoint: Checkpoint;
}

/** What kind of thing a file holds, in a word for --json. */
export type InspectionKind = "lightning" | "checkpoint" | "state_dict" | "other";

/** Lightning's dictionary, another one with a state_dict in it, a state_dict alone, or something else. */
export function kindOf({ file, checkpoint }: Inspection): InspectionKind {
  if (checkpoint.lightningVersion !== null) return "lightning";
  if (file.format === "safetensors" || isBareStateDict(file.root)) return "state_dict";
  return checkpoint.stateDict.tensors.size > 0 ? "checkpoint" : "other";
}

/** What `ltrain inspect` was asked for. */
export interface InspectOptions {
  /** A file, a folder or an address. */
  readonly path: string;
  /** The views; without any, the overview is shown. */
  readonly keys: boolean;
  readonly tree: boolean;
  readonly stats: boolean;
  readonly sizes: boolean;
  readonly globals: boolean;
  /** One value instead of the whole file. */
  readonly key?: string;
  /** The numbers of the tensor that `key` names. */
  readonly values: boolean;
  readonly precision?: number;
  readonly edgeItems?: number;
  readonly sha256: boolean;
  /** Only tensors whose name or path fits one of these. */
  readonly patterns: readonly RegExp[];
  /** Column of a folder's table. */
  readonly sort?: string;
  readonly reverse: boolean;
  readonly json: boolean;
}
