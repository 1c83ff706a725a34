import type { LRSchedulerConfig } from "../core/lightningModule.js";
import type { Executor } from "../engine/executor.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Precision } from "../precision/precision.js";
import type { HookContext } from "./callHooks.js";
import type { HookLogs } from "./hookLogs.js";
import type { Interruption } from "./interruption.js";
import type { MetricsBoard } from "./metricsBoard.js";

/** A scheduler whose rhythm is decided. */
export type SchedulerConfig = Required<Omit<LRSchedulerConfig, "monitor" | "name">> &
  Pick<LRSchedulerConfig, "monitor" | "name">;

/** What the loops work with; the trainer owns it. */
export interface LoopContext extends HookContext {
  readonly executor: Executor;
  /** More than one only where the module optimizes by hand. */
  readonly optimizers: readonly Optimizer[];
  readonly precision: Precision;
  readonly schedulers: readonly SchedulerConfig[];
  readonly board: MetricsBoard;
  readonly hookLogs: HookLogs;
  readonly interruption: Interruption;
}
