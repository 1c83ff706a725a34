import { Callback } from "../core/callback.js";
import type { TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { ParamGroup } from "../optim/paramGroup.js";
import { nameLearningRates } from "./learningRateNames.js";

/** What a LearningRateMonitor logs, and when; names and defaults are Lightning's. */
export interface LearningRateMonitorOptions {
  /** null: every optimizer in the rhythm of its scheduler. */
  readonly loggingInterval?: "step" | "epoch" | null;
  /** Also `<name>-momentum`: the momentum, or the first of the betas. */
  readonly logMomentum?: boolean;
  /** Also `<name>-weight_decay`. */
  readonly logWeightDecay?: boolean;
}

/** Logs the learning rate of every param group: Lightning's LearningRateMonitor. */
export class LearningRateMonitor extends Callback {
  readonly #interval: "step" | "epoch" | null;
  readonly #logMomentum: boolean;
  readonly #logWeightDecay: boolean;

  constructor(options: LearningRateMonitorOptions = {}) {
    super();
    this.#interval = options.loggingInterval ?? null;
    this.#logMomentum = options.logMomentum ?? false;
    this.#logWeightDecay = options.logWeightDecay ?? false;
    if (![null, "step", "epoch"].includes(this.#interval)) {
      const got = String(this.#interval);
      throw new LtrainError(
        "config.invalid",
        `LearningRateMonitor: logging_interval must be step, epoch or null, got ${got}`,
      );
    }
  }

  override onTrainStart(trainer: TrainerState): void {
    if (trainer.loggers.length === 0 && !trainer.fastDevRun) {
      throw new LtrainError("config.invalid", "LearningRateMonitor has nowhere to log to: the trainer has no logger", {
        hint: "set trainer.logger to true, or remove the callback",
      });
    }
    const { optimizers, lrSchedulerConfigs } = trainer;
    nameLearningRates(optimizers, lrSchedulerConfigs); // what cannot be named is refused now
    const schedulers = lrSchedulerConfigs.map(({ scheduler }) => scheduler.optimizer);
    const asked = schedulers.length > 0 ? schedulers : optimizers;
    const lacks = (option: string): boolean => asked.some((optimizer) => !optimizer.hasOption(option));
    if (this.#logMomentum && lacks("momentum") && lacks("betas")) {
      trainer.warn("LearningRateMonitor: log_momentum is set, and an optimizer has no momentum: 0 is logged for it");
    }
  }

  /** Lightning asks by batches, not by optimizer steps: while gradients are gathered, a row may come more than once. */
  override async onTrainBatchStart(trainer: TrainerState): Promise<void> {
    const { logEveryNSteps, loggerStep, shouldStop } = trainer;
    if (this.#interval === "epoch" || logEveryNSteps === 0) return;
    if ((loggerStep + 1) % logEveryNSteps === 0 || shouldStop) await this.#log(trainer, "step");
  }

  override async onTrainEpochStart(trainer: TrainerState): Promise<void> {
    if (this.#interval !== "step") await this.#log(trainer, "epoch");
  }

  /** An optimizer without a scheduler has no rhythm, and is logged in both. */
  async #log(trainer: TrainerState, moment: "step" | "epoch"): Promise<void> {
    const all = nameLearningRates(trainer.optimizers, trainer.lrSchedulerConfigs);
    const row: Record<string, number> = {};
    for (const { optimizer, names, interval } of all) {
      if (this.#interval === null && interval !== null && interval !== moment) continue;
      for (const [i, group] of optimizer.paramGroups.entries()) {
        const name = names[i] ?? "";
        row[name] = group.lr;
        if (this.#logMomentum) row[`${name}-momentum`] = momentumOf(optimizer, group);
        if (this.#logWeightDecay) row[`${name}-weight_decay`] = group.number("weight_decay");
      }
    }
    // Lightning shows them as float32 tensors.
    trainer.showMetrics(new Map(Object.entries(row).map(([name, value]) => [name, Math.fround(value)])));
    if (Object.keys(row).length === 0) return;
    for (const logger of trainer.loggers) await logger.logMetrics(row, trainer.loggerStep);
  }
}

function momentumOf(optimizer: Optimizer, group: ParamGroup): number {
  if (optimizer.hasOption("betas")) return group.pair("betas")[0];
  return group.options.has("momentum") ? group.number("momentum") : 0;
}
