import type { LightningModule, LRSchedulerConfig, OptimizerConfig, OptimizerSetup } from "../core/lightningModule.js";
import { LtrainError } from "../errors.js";
import type { SchedulerConfig } from "../loops/loopContext.js";
import { OneCycleLR } from "../optim/oneCycleLR.js";
import { LRScheduler } from "../optim/lrScheduler.js";
import { Optimizer } from "../optim/optimizer.js";
import { ReduceLROnPlateau } from "../optim/reduceLROnPlateau.js";

/** What configureOptimizers gave, in one form. */
export interface ResolvedSetup {
  readonly optimizers: readonly Optimizer[];
  readonly schedulers: readonly SchedulerConfig[];
}

/** A scheduler as it was given, and the metric named beside it. */
interface GivenScheduler {
  readonly given: LRScheduler | LRSchedulerConfig;
  readonly monitor: string | undefined;
}

/** Bring the forms that configureOptimizers may return into one; what Lightning would refuse is refused. */
export function resolveSetup(
  setup: OptimizerSetup,
  module: LightningModule,
  warn: (message: string) => void,
): ResolvedSetup {
  const place = `${module.constructor.name}.configureOptimizers`;
  const { optimizers, given } = partsOf(setup, place);
  if (module.automaticOptimization && optimizers.length > 1) {
    throw new LtrainError(
      "user.failed",
      `${place} gave ${optimizers.length} optimizers, and automatic optimization steps one`,
      { hint: "set automaticOptimization = false and step them in trainingStep: this.optimizers()" },
    );
  }
  const schedulers = given.map((each) => resolveScheduler(each, module.automaticOptimization, place, warn));
  for (const { scheduler } of schedulers) {
    if (optimizers.includes(scheduler.optimizer)) continue;
    throw new LtrainError(
      "user.failed",
      `${place} gave a ${scheduler.constructor.name} of an optimizer that it did not give`,
    );
  }
  return { optimizers, schedulers };
}

function partsOf(setup: unknown, place: string): { optimizers: readonly Optimizer[]; given: GivenScheduler[] } {
  if (setup instanceof Optimizer) return { optimizers: [setup], given: [] };
  if (isConfig(setup)) return { optimizers: [setup.optimizer], given: schedulersOf([setup]) };
  if (isListOf(setup, (item) => item instanceof Optimizer)) return { optimizers: setup, given: [] };
  if (isListOf(setup, isConfig)) {
    return { optimizers: setup.map(({ optimizer }) => optimizer), given: schedulersOf(setup) };
  }
  if (Array.isArray(setup) && setup.length === 2) {
    const [optimizers, schedulers] = setup as readonly unknown[];
    const none = Array.isArray(schedulers) && schedulers.length === 0 ? [] : null;
    const given = isListOf(schedulers, isScheduler) ? schedulers : none;
    if (isListOf(optimizers, (item) => item instanceof Optimizer) && given !== null) {
      return { optimizers, given: given.map((each) => ({ given: each, monitor: undefined })) };
    }
  }
  throw new LtrainError("user.failed", `${place} gave no optimizer`, {
    hint: "return an optimizer, { optimizer, lrScheduler }, a list of either, or [[optimizers], [schedulers]]",
  });
}

function schedulersOf(configs: readonly OptimizerConfig[]): GivenScheduler[] {
  return configs.flatMap(({ lrScheduler, monitor }) =>
    lrScheduler === undefined ? [] : [{ given: lrScheduler, monitor }],
  );
}

function isConfig(item: unknown): item is OptimizerConfig {
  return (item as Partial<OptimizerConfig> | null | undefined)?.optimizer instanceof Optimizer && !isScheduler(item);
}

function isScheduler(item: unknown): item is LRScheduler | LRSchedulerConfig {
  return (
    item instanceof LRScheduler ||
    (item as Partial<LRSchedulerConfig> | null | undefined)?.scheduler instanceof LRScheduler
  );
}

function isListOf<T>(list: unknown, isItem: (item: unknown) => item is T): list is readonly T[] {
  return Array.isArray(list) && list.length > 0 && list.every(isItem);
}

function resolveScheduler(
  { given, monitor: beside }: GivenScheduler,
  isAutomatic: boolean,
  place: string,
  warn: (message: string) => void,
): SchedulerConfig {
  const config: LRSchedulerConfig = given instanceof LRScheduler ? { scheduler: given } : given;
  const { scheduler, interval = "epoch", frequency = 1, strict = true, name } = config;
  const { reduceOnPlateau = scheduler instanceof ReduceLROnPlateau } = config;
  const monitor = config.monitor ?? beside;
  if (!["epoch", "step"].includes(interval)) {
    throw new LtrainError("config.invalid", `a scheduler's interval is epoch or step, got ${interval}`);
  }
  if (!Number.isInteger(frequency) || frequency < 1) {
    throw new LtrainError("config.invalid", `a scheduler's frequency must be a positive integer, got ${frequency}`);
  }
  if (isAutomatic && reduceOnPlateau && monitor === undefined) {
    throw new LtrainError("config.invalid", `${place}: ${scheduler.constructor.name} needs a metric to watch`, {
      hint: 'return { optimizer, lrScheduler: { scheduler, monitor: "val_loss" } }',
    });
  }
  if (isAutomatic && scheduler instanceof OneCycleLR && interval === "epoch") {
    warn('OneCycleLR is stepped by epochs; its total_steps mostly means batches: interval: "step"');
  }
  return {
    scheduler,
    interval,
    frequency,
    strict,
    reduceOnPlateau,
    ...(monitor !== undefined && { monitor }),
    ...(name !== undefined && { name }),
  };
}
