import { Callback } from "../core/callback.js";
import type { Stage, TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { asNumber } from "../pickle/convert.js";
import { PyDict, PyFloat } from "../pickle/values.js";

/** Parts of a length of time, as Python's timedelta names them. */
export type DurationParts = {
  readonly [unit in keyof typeof SECONDS_PER]?: number;
};

/** How long training may take, and when it is looked at; names and defaults are Lightning's. */
export interface TimerOptions {
  /** Seconds, "DD:HH:MM:SS", or parts such as { hours: 1, minutes: 30 }; null: no limit, the time is only taken. */
  readonly duration?: number | string | DurationParts | null;
  /** Whether the limit is looked at after every batch or every epoch. */
  readonly interval?: "step" | "epoch";
  /** Milliseconds on a clock that never goes back. */
  readonly clock?: () => number;
}

/** What the time is taken of. */
export type TimedStage = Exclude<Stage, "fit"> | "train";

const SECONDS_PER = {
  weeks: 604_800,
  days: 86_400,
  hours: 3600,
  minutes: 60,
  seconds: 1,
  milliseconds: 1e-3,
  microseconds: 1e-6,
} as const;
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
    this.duration = secondsOf(options.duration ?? null);
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

function secondsOf(duration: number | string | DurationParts | null): number | null {
  if (duration === null) return null;
  const seconds = typeof duration === "number" ? duration : sumOf(partsOf(duration));
  if (Number.isFinite(seconds) && seconds >= 0) return seconds;
  throw invalid(duration);
}

function partsOf(duration: string | DurationParts): DurationParts {
  if (typeof duration !== "string") return duration;
  const match = /^\s*(\d+):(\d\d):(\d\d):(\d\d)\s*$/.exec(duration);
  if (match === null) throw invalid(duration);
  const [, days, hours, minutes, seconds] = match.map(Number);
  return { days: days ?? 0, hours: hours ?? 0, minutes: minutes ?? 0, seconds: seconds ?? 0 };
}

function sumOf(parts: DurationParts): number {
  let sum = 0;
  for (const [unit, count] of Object.entries(parts)) {
    if (!Object.hasOwn(SECONDS_PER, unit)) throw invalid(parts);
    sum += count * SECONDS_PER[unit as keyof typeof SECONDS_PER];
  }
  return sum;
}

function invalid(duration: number | string | DurationParts): LtrainError {
  return new LtrainError("config.invalid", `Timer: ${JSON.stringify(duration)} is not a length of time`, {
    hint: `write seconds, "DD:HH:MM:SS", or parts: ${Object.keys(SECONDS_PER).join(", ")}`,
  });
}

/** Whole seconds as Python's str() of a timedelta has them: "0:00:07", "1 day, 2:03:04". */
function clockText(seconds: number): string {
  const whole = Math.trunc(seconds);
  const days = Math.floor(whole / SECONDS_PER.days);
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600) % 24;
  const clock = `${hours}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return days === 0 ? clock : `${days} day${days === 1 ? "" : "s"}, ${clock}`;
}
