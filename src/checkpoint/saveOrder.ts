import type { Checkpoint } from "./checkpoint.js";

/** How what was written is looked at before it counts: every byte, the structure without the tensors, not at all. */
export type VerifyMode = "full" | "header" | "off";

/** One file of a save. */
export interface SavedAs {
  readonly path: string;
  readonly checkpoint: Checkpoint;
}

/** A second name for a checkpoint that is there, or that the same save writes. */
export interface Replica {
  readonly from: string;
  readonly path: string;
  /** Whether both may be one file on the disk. */
  readonly share: boolean;
}

/** Everything that one save is to do, in this order: files are written, replicas made, and then files are retired. */
export interface SaveOrder {
  readonly files: readonly SavedAs[];
  readonly replicas: readonly Replica[];
  /** Files that the new ones take the place of: removed when those are durable. */
  readonly retired: readonly string[];
  /** For the journal. */
  readonly metrics: ReadonlyMap<string, number>;
}

/** A file that is durable under its name. */
export interface SavedFile {
  readonly path: string;
  readonly byteLength: number;
  readonly sha256: string;
}
