import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";
import type { CheckpointSummary } from "../checkpoint/summarizeCheckpoint.js";
import { isBareStateDict } from "../checkpoint/parseCheckpoint.js";

/** A file and everything that was found out about it. */
export interface Inspection {
  readonly file: OpenedFile;
  readonly checkpoint: Checkpoint;
  readonly summary: CheckpointSummary;
}

/** What kind of thing a file holds, in a word for --json. */
export type InspectionKind = "lightning" | "checkpoint" | "state_dict" | "other";

/** Lightning's dictionary, another one with a state_dict in it, a state_dict alone, or something else. */
export function kindOf({ file, checkpoint }: Inspection): InspectionKind {
  if (checkpoint.lightningVersion !== null) return "lightning";
  if (file.format === "safetensors" || isBareStateDict(file.root)) return "state_dict";
  return checkpoint.stateDict.tensors.size > 0 ? "checkpoint" : "other";
}
