import { LtrainError } from "../errors.js";
import type { LoopContext, SchedulerConfig } from "./loopContext.js";
import type { Progress } from "./progress.js";
import { userCode } from "./userFailure.js";

/** Which schedulers are meant: plateau schedulers wait until the metrics they watch are known. */
export interface SchedulerMoment {
  readonly interval: "step" | "epoch";
  readonly plateau: boolean;
  /** Index of the batch or epoch that has just been trained. */
  readonly index: number;
  /** Brings what was logged up to this moment. */
  readonly settle: () => Promise<unknown>;
  /** The step was due before the checkpoint that is resumed from: where the metric is gone, so is the step. */
  readonly isLate?: boolean;
}

/**
 * Step the schedulers whose moment has come: every `frequency` batches or epochs. A module that optimizes by hand steps
 * its own.
 */
export async function stepSchedulers(
  context: LoopContext,
  progress: Progress,
  { interval, plateau, index, settle, isLate = false }: SchedulerMoment,
): Promise<void> {
  const { module } = context;
  if (!module.automaticOptimization) return;
  for (const config of context.schedulers) {
    if (config.interval !== interval || config.reduceOnPlateau !== plateau) continue;
    if ((index + 1) % config.frequency !== 0) continue;
    if (plateau) await settle();
    const metric = plateau ? monitored(context, config, isLate) : undefined;
    if (plateau && metric === undefined) continue;
    progress.increment("ready");
    const place = `${module.constructor.name}.lrSchedulerStep`;
    await userCode(place, () => module.lrSchedulerStep(config.scheduler, metric));
    progress.increment("completed");
  }
}

/** The watched metric; without it a strict scheduler is an error, and another one is left where it is. */
function monitored(
  { board, trainer }: LoopContext,
  { monitor, scheduler, strict }: SchedulerConfig,
  isLate: boolean,
): number | undefined {
  const value = monitor === undefined ? undefined : board.callbackMetrics.get(monitor);
  if (value !== undefined) return value;
  if (isLate) {
    trainer.warn(
      `the checkpoint was written before ${scheduler.constructor.name} took its step for that epoch, and does not ` +
        `hold ${monitor ?? "its metric"}: as in Lightning, the step is lost`,
    );
    return undefined;
  }
  const names = [...board.callbackMetrics.keys()];
  const what = `${scheduler.constructor.name} watches ${monitor ?? "no metric"}, which is not logged; `;
  const message = `${what}logged are: ${names.length === 0 ? "no metrics" : names.join(", ")}`;
  if (strict) throw new LtrainError("config.invalid", message, { hint: "set monitor to one of them" });
  trainer.warn(`${message}: its step is left out`);
  return undefined;
}
