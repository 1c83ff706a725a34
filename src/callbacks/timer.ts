import { Callback } from "../core/callback.js";
import type { Duration } from "../core/duration.js";
import { clockText, secondsOf } from "../core/duration.js";
import type { Stage, TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { asNumber } from "../pickle/convert.js";
import { PyDict, PyFloat } from "../pickle/values.js";

/** How long training may take, and when it is looked at; names and defaults are Lightning's. */
export interface TimerOptions {
  /** Seconds, "DD:HH:MM:SS", or parts such as { hours: 1, minutes: 30 }; null: no limit, the time is only taken. */
  readonly duration?: Duration | null;
  /** Whether the limit is looked at after every batch or every epoch. */
  readonly interval?: "step" | "epoch";
  /** Milliseconds on a clock that never goes back. */
  readonly clock?: () => number;
}

/** What the time is taken of. */
export type TimedStage = Exclude<Stage, "fit"> | "train";

/** Lightning's stages in its order, by their names in the file. */
const STAGES: readonly (readonly [stage: TimedStage, key: string])[] = [
  ["train", "train"],
  ["sanityCheck", "sanity_check"],
  ["validate", "validate"],
  ["test", "test"],
  ["predict", "predict"],
];

/** Ends training after a length of time, counted over all parts of a resumed run: Lightning's Timer. */
export class Timer extends Callback {
  /** Seconds; null: no limit. */
  readonly duration: number | null;
  readonly #interval: "step" | "epoch";
  readonly #clock: () => number;
  readonly #start = new Map<TimedStage, number>();
  readonly #end = new Map<TimedStage, number>();
  /** Seconds of training before this part of the run. */
  #offset = 0;
  #stopReason: string | null = null;

  constructor(options: TimerOptions = {}) {
    super();
    const { duration = null } = options;
    this.duration = duration === null ? null : secondsOf("Timer", duration);
    this.#interval = options.interval ?? "step";
    this.#clock = options.clock ?? (() => performance.now());
    if (!["step", "epoch"].includes(this.#interval)) {
      throw new LtrainError("config.invalid", `Timer: interval must be step or epoch, got ${this.#interval}`);
    }
  }

  /** Seconds that a stage has taken, over all parts of the run for training. */
  timeElapsed(stage: TimedStage = "train"): number {
    const offset = stage === "train" ? this.#offset : 0;
    const start = this.#start.get(stage);
    return start === undefined ? offset : ((this.#end.get(stage) ?? this.#clock()) - start) / 1000 + offset;
  }
  /** Seconds that are left; null without a limit. */
  timeRemaining(stage: TimedStage = "train"): number | null {
    return this.duration === null ? null : this.duration - this.timeElapsed(stage);
  }

  override get stopReason(): string | null {
    return this.#stopReason;
  }

  /** As Lightning has it, a stage that never was is the int 0. */
  override stateDict(): PyDict {
    const elapsed = STAGES.map(([stage, key]) => {
      const seconds = this.timeElapsed(stage);
      const isInt = seconds === 0 && !this.#start.has(stage);
      return [key, isInt ? 0 : new PyFloat(seconds)] as const;
    });
    return PyDict.from({ time_elapsed: new PyDict(elapsed) });
  }

  override loadStateDict(state: PyDict): void {
    const elapsed = state.get("time_elapsed");
    this.#offset = (elapsed instanceof PyDict ? asNumber(elapsed.get("train")) : undefined) ?? 0;
  }

  /** Whatever the interval: the time may have been up when the checkpoint was written. */
  override onFitStart(trainer: TrainerState): void {
    this.#check(trainer);
  }
  override onTrainStart(): void {
    this.#start.set("train", this.#clock());
    this.#end.delete("train");
  }
  override onTrainEnd(): void {
    this.#end.set("train", this.#clock());
  }
  override onValidationStart(): void {
    this.#start.set("validate", this.#clock());
  }
  override onValidationEnd(): void {
    this.#end.set("validate", this.#clock());
  }
  override onTestStart(): void {
    this.#start.set("test", this.#clock());
    this.#end.delete("test");
  }
  override onTestEnd(): void {
    this.#end.set("test", this.#clock());
  }
  override onTrainBatchEnd(trainer: TrainerState): void {
    if (this.#interval === "step") this.#check(trainer);
  }
  override onTrainEpochEnd(trainer: TrainerState): void {
    if (this.#interval === "epoch") this.#check(trainer);
  }

  #check(trainer: TrainerState): void {
    if (this.duration === null || this.timeElapsed() < this.duration) return;
    trainer.shouldStop = true;
    this.#stopReason = `Time limit reached. Elapsed time is ${clockText(this.timeElapsed())}. Signaling Trainer to stop.`;
  }
}
