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

/** What a loop works with that trains nothing; the trainer owns it. */
export interface EvaluationContext extends HookContext {
  readonly executor: Executor;
  readonly precision: Precision;
  readonly board: MetricsBoard;
  readonly hookLogs: HookLogs;
  readonly interruption: Interruption;
}

/** What the loops work with that train. */
export interface LoopContext extends EvaluationContext {
  /** What is being saved while training goes on: looked after between batches, and waited for at the end. */
  readonly saves?: { attend(): Promise<void> | undefined; settle(): Promise<void> };
  /** Before a validation: ask for its loader again where it is time to. */
  validationLoader?(): Promise<void>;
  /** More than one only where the module optimizes by hand. */
  readonly optimizers: readonly Optimizer[];
  /** A callback may put others in their place. */
  schedulers: readonly SchedulerConfig[];
}
