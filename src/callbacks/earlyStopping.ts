import { pythonString } from "../checkpoint/describeValue.js";
import { Callback } from "../core/callback.js";
import type { TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import { asNumber } from "../pickle/convert.js";
import { pythonFloat } from "../pickle/pythonFloat.js";
import { PyDict } from "../pickle/values.js";
import { pythonFormat } from "./pythonFormat.js";
import { readScore, scoreTensor } from "./scoreTensor.js";
import { stateKeyOf } from "./stateKey.js";
import { validatesAtEpochEnds } from "./validationRhythm.js";

/** What an EarlyStopping watches, and when it has seen enough; names and defaults are Lightning's. */
export interface EarlyStoppingOptions {
  /** The logged value that is to get better. */
  readonly monitor: string;
  /** A value counts as better only by more than this. */
  readonly minDelta?: number;
  /** How many checks without a better value end training. */
  readonly patience?: number;
  readonly verbose?: boolean;
  readonly mode?: "min" | "max";
  /** Whether a value that nobody has logged is an error. */
  readonly strict?: boolean;
  /** Stop when the value is infinite or not a number. */
  readonly checkFinite?: boolean;
  /** Stop when the value is better than this. */
  readonly stoppingThreshold?: number | null;
  /** Stop when the value is worse than this. */
  readonly divergenceThreshold?: number | null;
  /** Check at the end of the training epoch (true) or of validation (false); null: validation where it has a rhythm of its own. */
  readonly checkOnTrainEpochEnd?: boolean | null;
  /** Who logs among several processes; there is one. */
  readonly logRankZeroOnly?: boolean;
}

/** Why training was stopped: Lightning's EarlyStoppingReason, by the numbers that are in the file. */
export const EARLY_STOPPING_REASONS = {
  notStopped: 0,
  stoppingThreshold: 1,
  divergenceThreshold: 2,
  patienceExhausted: 3,
  nonFiniteMetric: 4,
} as const;
/** The name of a reason. */
export type EarlyStoppingReason = keyof typeof EARLY_STOPPING_REASONS;

/** Ends training when a logged value stops getting better: Lightning's EarlyStopping, with its float32 arithmetic. */
export class EarlyStopping extends Callback {
  override readonly order = "monitoring";
  readonly monitor: string;
  readonly mode: "min" | "max";
  readonly minDelta: number;
  readonly #options: EarlyStoppingOptions;
  #patience: number;
  #bestScore: number;
  #waitCount = 0;
  #stoppedEpoch = 0;
  #reason: EarlyStoppingReason = "notStopped";
  #message: string | null = null;
  #hasStopped = false;

  constructor(options: EarlyStoppingOptions) {
    super();
    const { mode = "min", patience = 3, minDelta = 0 } = options;
    if (!["min", "max"].includes(mode)) throw invalid(`mode must be "min" or "max", got "${mode}"`);
    if (!Number.isInteger(patience) || patience < 0) throw invalid(`patience must be 0 or more, got ${patience}`);
    if (!Number.isFinite(minDelta)) throw invalid(`min_delta must be finite, got ${minDelta}`);
    this.#options = options;
    this.monitor = options.monitor;
    this.mode = mode;
    this.minDelta = minDelta;
    this.#patience = patience;
    this.#bestScore = mode === "min" ? Infinity : -Infinity;
  }

  /** The best value so far; infinite before there is one. */
  get bestScore(): number {
    return this.#bestScore;
  }
  /** Checks since the last better value. */
  get waitCount(): number {
    return this.#waitCount;
  }
  /** How many checks without a better value end training. */
  get patience(): number {
    return this.#patience;
  }
  /** The epoch this callback stopped training in; 0 while it has not. */
  get stoppedEpoch(): number {
    return this.#stoppedEpoch;
  }
  get stoppingReason(): EarlyStoppingReason {
    return this.#reason;
  }
  override get stopReason(): string | null {
    return this.#hasStopped ? this.#message : null;
  }

  override get stateKey(): string {
    return stateKeyOf(this.constructor.name, [
      ["monitor", pythonString(this.monitor)],
      ["mode", pythonString(this.mode)],
    ]);
  }

  override stateDict(): PyDict {
    return PyDict.from({
      wait_count: this.#waitCount,
      stopped_epoch: this.#stoppedEpoch,
      best_score: scoreTensor(this.#bestScore),
      patience: this.#patience,
      stopping_reason: EARLY_STOPPING_REASONS[this.#reason],
      stopping_reason_message: this.#message,
    });
  }

  /** The patience of the file is taken when none was given here; Lightning takes it always. */
  override async loadStateDict(state: PyDict): Promise<void> {
    const count = (key: string): number | undefined => asNumber(state.get(key));
    this.#waitCount = count("wait_count") ?? 0;
    this.#stoppedEpoch = count("stopped_epoch") ?? 0;
    this.#bestScore = (await readScore(state.get("best_score"))) ?? this.#bestScore;
    if (this.#options.patience === undefined) this.#patience = count("patience") ?? this.#patience;
    const reason = count("stopping_reason") ?? 0;
    const names = Object.keys(EARLY_STOPPING_REASONS) as EarlyStoppingReason[];
    this.#reason = names.find((name) => EARLY_STOPPING_REASONS[name] === reason) ?? "notStopped";
    const message = state.get("stopping_reason_message");
    this.#message = typeof message === "string" ? message : null;
  }

  override onTrainEpochEnd(trainer: TrainerState): void {
    if (this.#checksOnTrainEpochEnd(trainer)) this.#check(trainer);
  }

  override onValidationEnd(trainer: TrainerState): void {
    if (!this.#checksOnTrainEpochEnd(trainer) && trainer.stage === "fit") this.#check(trainer);
  }

  #checksOnTrainEpochEnd(trainer: TrainerState): boolean {
    return this.#options.checkOnTrainEpochEnd ?? validatesAtEpochEnds(trainer);
  }

  #check(trainer: TrainerState): void {
    if (trainer.fastDevRun) return;
    const logged = trainer.callbackMetrics.get(this.monitor);
    if (logged === undefined) {
      this.#complainOfMissing(trainer);
      return;
    }
    const current = Math.fround(logged);
    const stop = this.#reasonToStop(current);
    if (stop !== null) {
      [this.#reason, this.#message] = stop;
      this.#stoppedEpoch = trainer.currentEpoch;
      this.#hasStopped = true;
      trainer.shouldStop = true;
    } else if (this.#waitCount === 0) this.#tell(trainer, this.#improvement(current));
    if (stop === null && this.#waitCount === 0) this.#bestScore = current;
  }

  /** Lightning's criteria in Lightning's order, its sentences included: they are in the file. Counts the waiting. */
  #reasonToStop(current: number): [EarlyStoppingReason, string] | null {
    const { monitor } = this;
    const { checkFinite = true, stoppingThreshold = null, divergenceThreshold = null } = this.#options;
    const best = pythonFormat(this.#bestScore, ".3f", false);
    const passed = (threshold: number): string =>
      `threshold reached: ${monitor} = ${pythonFloat(current)} ${this.mode === "min" ? "<" : ">"} ` +
      `${pythonFloat(threshold)}. Signaling Trainer to stop.`;
    if (checkFinite && !Number.isFinite(current)) {
      const what = `Monitored metric ${monitor} = ${pythonFloat(current)} is not finite.`;
      return ["nonFiniteMetric", `${what} Previous best value was ${best}. Signaling Trainer to stop.`];
    }
    if (stoppingThreshold !== null && this.#isBetter(current, Math.fround(stoppingThreshold))) {
      return ["stoppingThreshold", `Stopping ${passed(stoppingThreshold)}`];
    }
    if (divergenceThreshold !== null && this.#isBetter(-current, -Math.fround(divergenceThreshold))) {
      return ["divergenceThreshold", `Divergence ${passed(divergenceThreshold)}`];
    }
    const delta = Math.fround(this.mode === "min" ? -this.minDelta : this.minDelta);
    if (this.#isBetter(Math.fround(current - delta), this.#bestScore)) {
      this.#waitCount = 0;
      return null;
    }
    this.#waitCount += 1;
    if (this.#waitCount < this.#patience) return null;
    const what = `Monitored metric ${monitor} did not improve in the last ${this.#waitCount} records.`;
    return ["patienceExhausted", `${what} Best score: ${best}. Signaling Trainer to stop.`];
  }

  #isBetter(value: number, than: number): boolean {
    return this.mode === "min" ? value < than : value > than;
  }

  #improvement(current: number): string {
    const three = (value: number): string => pythonFormat(value, ".3f", false);
    const by = Number.isFinite(this.#bestScore)
      ? ` by ${three(Math.abs(this.#bestScore - current))} >= min_delta = ${pythonFloat(Math.abs(this.minDelta))}`
      : "";
    return `Metric ${this.monitor} improved${by}. New best score: ${three(current)}`;
  }

  #complainOfMissing(trainer: TrainerState): void {
    const names = [...trainer.callbackMetrics.keys()];
    const message = `EarlyStopping watches "${this.monitor}", and nobody has logged it; there is ${names.join(", ") || "nothing"}`;
    if (this.#options.strict === false) {
      this.#tell(trainer, message);
      return;
    }
    throw new LtrainError("config.invalid", message, {
      hint: didYouMean(this.monitor, names) ?? `log it in validationStep: this.log("${this.monitor}", value)`,
    });
  }

  #tell(trainer: TrainerState, message: string): void {
    if (this.#options.verbose === true) trainer.warn(`epoch ${trainer.currentEpoch}: ${message}`);
  }
}

function invalid(message: string): LtrainError {
  return new LtrainError("config.invalid", `EarlyStopping: ${message}`);
}
