import type { TorchParts } from "../serialization/torchSave.js";
import type { JournalEntry } from "./checkpointJournal.js";
import type { Replica, VerifyMode } from "./saveOrder.js";

/** A file of a job: the pickled checkpoint and its storages. */
export interface SaveFile extends TorchParts {
  readonly path: string;
  readonly step: number;
  readonly epoch: number;
}

/** A save that needs nothing of the run any more. */
export interface SaveJob {
  readonly files: readonly SaveFile[];
  readonly replicas: readonly Replica[];
  readonly retired: readonly string[];
  readonly metrics: JournalEntry["metrics"];
  readonly verify: VerifyMode;
}
