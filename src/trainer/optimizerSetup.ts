import type { LRSchedulerConfig, OptimizerSetup } from "../core/lightningModule.js";
import { LtrainError } from "../errors.js";
import type { SchedulerConfig } from "../loops/loopContext.js";
import { LRScheduler } from "../optim/lrScheduler.js";
import { Optimizer } from "../optim/optimizer.js";

/** What configureOptimizers gave, in one form. */
export interface ResolvedSetup {
  readonly optimizer: Optimizer;
  readonly schedulers: readonly SchedulerConfig[];
}

/** Bring the forms that configureOptimizers may return into one. */
export function resolveSetup(setup: OptimizerSetup, module: string): ResolvedSetup {
  if (setup instanceof Optimizer) return { optimizer: setup, schedulers: [] };
  const { optimizer, lrScheduler } = (setup as Partial<Exclude<OptimizerSetup, Optimizer>> | undefined) ?? {};
  if (!(optimizer instanceof Optimizer)) {
    throw new LtrainError("user.failed", `${module}.configureOptimizers gave no optimizer`, {
      hint: "return an optimizer, or { optimizer, lrScheduler }",
    });
  }
  return { optimizer, schedulers: lrScheduler === undefined ? [] : [resolveScheduler(lrScheduler)] };
}

function resolveScheduler(given: LRScheduler | LRSchedulerConfig): SchedulerConfig {
  const config = given instanceof LRScheduler ? { scheduler: given } : given;
  const { interval = "epoch", frequency = 1 } = config;
  if (!Number.isInteger(frequency) || frequency < 1) {
    throw new LtrainError("config.invalid", `a scheduler's frequency must be a positive integer, got ${frequency}`);
  }
  return { ...config, interval, frequency };
}
