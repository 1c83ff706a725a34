import { LtrainError } from "../errors.js";
import { PyDict } from "../pickle/values.js";
import { LRScheduler, requireThat, requireWhole, type Fields, type LastEpoch } from "./lrScheduler.js";
import type { Optimizer } from "./optimizer.js";
import { ReduceLROnPlateau } from "./reduceLROnPlateau.js";

/** Schedules under one: their states stand inside its own. */
abstract class ScheduleOfSchedules extends LRScheduler {
  protected readonly schedulers: readonly LRScheduler[];

  protected constructor(name: string, optimizer: Optimizer, schedulers: readonly LRScheduler[], fields: Fields) {
    schedulers.forEach((scheduler, i) => {
      requireThat(
        !(scheduler instanceof ReduceLROnPlateau),
        name,
        `schedule ${i} is ReduceLROnPlateau, which must be told a metric`,
      );
      requireThat(scheduler.optimizer === optimizer, name, `schedule ${i} belongs to another optimizer`);
    });
    super(optimizer, fields);
    this.schedulers = schedulers;
  }

  override undo(): void {
    for (const scheduler of this.schedulers) scheduler.undo();
  }
  override stateDict(): PyDict {
    const states = this.schedulers.map((scheduler) => scheduler.stateDict());
    return super.stateDict().set("_schedulers", states);
  }
  override loadStateDict(state: PyDict): void {
    const own = new PyDict(state);
    const states = own.get("_schedulers");
    own.delete("_schedulers");
    if (Array.isArray(states)) {
      if (states.length !== this.schedulers.length) {
        throw new LtrainError(
          "checkpoint.mismatch",
          `${this.constructor.name} has ${this.schedulers.length} schedules here, ${states.length} in the checkpoint`,
        );
      }
      this.schedulers.forEach((scheduler, i) => {
        const inner = states[i];
        if (inner instanceof PyDict) scheduler.loadStateDict(inner);
      });
    }
    super.loadStateDict(own);
  }
}

/** SequentialLR's options. */
export interface SequentialLROptions extends LastEpoch {
  readonly schedulers: readonly LRScheduler[];
  /** The step with which each schedule but the first begins. */
  readonly milestones: readonly number[];
}

/** torch.optim.lr_scheduler.SequentialLR: one schedule after the other. */
export class SequentialLR extends ScheduleOfSchedules {
  constructor(optimizer: Optimizer, options: SequentialLROptions) {
    const { schedulers, milestones, lastEpoch = -1 } = options;
    requireThat(schedulers.length > 0, "SequentialLR", "it needs at least one schedule");
    requireThat(
      milestones.length === schedulers.length - 1,
      "SequentialLR",
      `${schedulers.length} schedules have ${schedulers.length - 1} milestones between them, got ${milestones.length}`,
    );
    for (const milestone of milestones) requireWhole("SequentialLR", "milestones each", milestone, 0);
    schedulers.slice(1).forEach((scheduler, i) => {
      requireThat(
        !(scheduler instanceof ScheduleOfSchedules),
        "SequentialLR",
        `schedule ${i + 1} is a ${scheduler.constructor.name}, which torch lets stand in first place only`,
      );
    });
    super("SequentialLR", optimizer, schedulers, [
      ["_milestones", [...milestones]],
      ["last_epoch", lastEpoch + 1],
    ]);
    // Each schedule took its first step when it was made: that is taken back, and the one that is due takes it again.
    for (const { options: own } of optimizer.paramGroups) own.set("lr", own.get("initial_lr") ?? own.get("lr") ?? null);
    this.undo();
    this.#at(0).initialStep();
    this.noteRates();
  }

  override step(): void {
    const epoch = this.lastEpoch + 1;
    this.state.set("last_epoch", epoch);
    const begins = this.#milestones[this.#indexAt(epoch) - 1] === epoch;
    if (begins) this.#at(epoch).restart();
    else this.#at(epoch).step();
    this.noteRates();
  }

  get #milestones(): number[] {
    return this.numbers("_milestones");
  }
  /** How many milestones are behind: torch's bisect_right. */
  #indexAt(epoch: number): number {
    const ahead = this.#milestones.findIndex((milestone) => milestone > epoch);
    return ahead < 0 ? this.#milestones.length : ahead;
  }
  #at(epoch: number): LRScheduler {
    const scheduler = this.schedulers[this.#indexAt(epoch)];
    if (scheduler !== undefined) return scheduler;
    throw new LtrainError("checkpoint.mismatch", "SequentialLR has fewer schedules than its _milestones call for");
  }
}

/** ChainedScheduler's options. */
export interface ChainedSchedulerOptions {
  readonly schedulers: readonly LRScheduler[];
}

/** torch.optim.lr_scheduler.ChainedScheduler: all schedules at once, one upon the other. */
export class ChainedScheduler extends ScheduleOfSchedules {
  constructor(optimizer: Optimizer, { schedulers }: ChainedSchedulerOptions) {
    requireThat(schedulers.length > 0, "ChainedScheduler", "it needs at least one schedule");
    super("ChainedScheduler", optimizer, schedulers, []);
    this.noteRates();
  }

  override step(): void {
    for (const scheduler of this.schedulers) scheduler.step();
    this.noteRates();
  }
}
