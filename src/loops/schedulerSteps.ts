import { LtrainError } from "../errors.js";
import type { LoopContext, SchedulerConfig } from "./loopContext.js";
import type { Progress } from "./progress.js";

/** Which schedulers are meant: plateau schedulers wait until the metrics they watch are known. */
export interface SchedulerMoment {
  readonly interval: "step" | "epoch";
  readonly plateau: boolean;
  /** Index of the batch or epoch that has just been trained. */
  readonly index: number;
}

/** Step the schedulers whose moment has come: every `frequency` batches or epochs. */
export function stepSchedulers(
  context: LoopContext,
  progress: Progress,
  { interval, plateau, index }: SchedulerMoment,
): void {
  for (const config of context.schedulers) {
    if (config.interval !== interval || (config.reduceOnPlateau ?? false) !== plateau) continue;
    if ((index + 1) % config.frequency !== 0) continue;
    progress.increment("ready");
    config.scheduler.step(plateau ? monitored(context, config) : undefined);
    progress.increment("completed");
  }
}

function monitored({ board }: LoopContext, { monitor, scheduler }: SchedulerConfig): number {
  const value = monitor === undefined ? undefined : board.callbackMetrics.get(monitor);
  if (value !== undefined) return value;
  throw new LtrainError(
    "config.invalid",
    `${scheduler.constructor.name} watches ${monitor ?? "no metric"}, which is not logged; ` +
      `logged are: ${[...board.callbackMetrics.keys()].join(", ")}`,
    { hint: "set monitor to one of them" },
  );
}
