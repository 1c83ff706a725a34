import { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";

/** When how many batches make one optimizer step. */
export interface GradientAccumulationSchedulerOptions {
  /** Epoch (from 0) to the number of batches from then on; 1 before the first. */
  readonly scheduling: Readonly<Record<number, number>>;
}

/** Changes accumulate_grad_batches from epoch to epoch: Lightning's GradientAccumulationScheduler. */
export class GradientAccumulationScheduler extends Callback {
  /** Epoch and number of batches, the latest epoch first. */
  readonly #schedule: readonly (readonly [epoch: number, batches: number])[];

  constructor({ scheduling }: GradientAccumulationSchedulerOptions) {
    super();
    const entries = Object.entries(scheduling).map(([epoch, batches]) => [Number(epoch), batches] as const);
    if (entries.length === 0) throw invalid("scheduling is empty");
    for (const [epoch, batches] of entries) {
      if (!Number.isInteger(epoch) || epoch < 0) throw invalid(`an epoch must be 0 or more, got ${epoch}`);
      if (!Number.isInteger(batches) || batches < 1) {
        throw invalid(`the number of batches must be 1 or more, got ${batches} for epoch ${epoch}`);
      }
    }
    this.#schedule = entries.sort(([a], [b]) => b - a);
  }

  /** The number of batches in an epoch. */
  override accumulateGradBatches(epoch: number): number {
    return this.#schedule.find(([from]) => epoch >= from)?.[1] ?? 1;
  }

  /** A run that goes on inside an epoch has no onTrainEpochStart for it, so the epoch under way is set here. */
  override onTrainStart(trainer: TrainerState, module: LightningModule): void {
    if (!module.automaticOptimization) {
      throw invalid("the module optimizes by hand, and steps when it likes", "remove the callback");
    }
    // A resume has set this epoch's number already.
    if (![1, this.accumulateGradBatches(trainer.currentEpoch)].includes(trainer.accumulateGradBatches)) {
      throw invalid(
        `trainer.accumulate_grad_batches is ${trainer.accumulateGradBatches}, and both cannot be`,
        "remove one of the two",
      );
    }
    this.onTrainEpochStart(trainer);
  }

  override onTrainEpochStart(trainer: TrainerState): void {
    trainer.accumulateGradBatches = this.accumulateGradBatches(trainer.currentEpoch);
  }
}

function invalid(message: string, hint?: string): LtrainError {
  return new LtrainError(
    "config.invalid",
    `GradientAccumulationScheduler: ${message}`,
    hint === undefined ? {} : { hint },
  );
}
