import type { LRScheduler } from "../optim/lrScheduler.js";

/** One scheduler with its rhythm: Lightning's lr_scheduler_config. */
export interface LRSchedulerConfig {
  readonly scheduler: LRScheduler;
  readonly interval?: "epoch" | "step";
  readonly frequency?: number;
  /** The metric that a plateau scheduler watches. */
  readonly monitor?: string;
  /** Whether a monitored metric that is not logged is an error (the default), or is told and the step left out. */
  readonly strict?: boolean;
  /** Stepped with `monitor` after the epoch's (or step's) metrics are known: true for ReduceLROnPlateau. */
  readonly reduceOnPlateau?: boolean;
  /** What its learning rate is called where it is logged. */
  readonly name?: string;
}
