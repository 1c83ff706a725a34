import { LtrainError } from "../errors.js";
import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";

/** How far one kind of event has come. */
export type Moment = "ready" | "completed" | "started" | "processed";

/** The moments that a kind of event goes through, in the order in which Lightning writes them. */
const MOMENTS = {
  /** A scheduler's or an optimizer's step. */
  step: ["ready", "completed"],
  /** Clearing gradients. */
  zeroGrad: ["ready", "completed", "started"],
  /** A batch or an epoch. */
  run: ["ready", "completed", "started", "processed"],
} as const satisfies Record<string, readonly Moment[]>;

/** The kinds of event that are counted. */
export type ProgressKind = keyof typeof MOMENTS;

type Counts = Record<Moment, number>;

/**
 * Two sets of counters of one event: `total` over the whole training, `current` of the run under way
 * (lightning-checkpoint-format.md, 5.4). `ready` goes up before the start hook, `started` after it, `processed` after
 * the work, `completed` after the end hook; so a checkpoint written anywhere between says where it was written.
 */
export class Progress {
  readonly kind: ProgressKind;
  readonly total: Counts = zeros();
  readonly current: Counts = zeros();

  constructor(kind: ProgressKind) {
    this.kind = kind;
  }

  /** One more event has come to `moment`. */
  increment(moment: Moment): void {
    this.total[moment] += 1;
    this.current[moment] += 1;
  }
  /** A new run begins: `current` counts from zero, `total` goes on. */
  resetOnRun(): void {
    Object.assign(this.current, zeros());
  }
  /** An event that was not completed is done again. */
  resetOnRestart(): void {
    for (const counts of [this.current, this.total]) {
      for (const moment of MOMENTS[this.kind]) counts[moment] = counts.completed;
    }
  }
  /** Lightning counts validation batches per training epoch, not over the whole training. */
  resetTotal(): void {
    Object.assign(this.total, zeros());
  }
  /** Forget everything. */
  reset(): void {
    this.resetOnRun();
    this.resetTotal();
  }

  stateDict(): PyDict {
    return PyDict.from({ total: this.#dump(this.total), current: this.#dump(this.current) });
  }
  loadStateDict(state: PyDict, name: string): void {
    this.#load(this.total, state.get("total"), `${name}.total`);
    this.#load(this.current, state.get("current"), `${name}.current`);
  }

  #dump(counts: Counts): PyDict {
    return new PyDict(MOMENTS[this.kind].map((moment) => [moment, counts[moment]]));
  }
  #load(counts: Counts, state: PyValue | undefined, name: string): void {
    if (!(state instanceof PyDict)) throw malformed(name, "is not a dict of counters");
    for (const moment of MOMENTS[this.kind]) {
      // A counter that an older version did not have stands where the completed ones stand.
      const value = state.get(moment) ?? state.get("completed") ?? 0;
      if (typeof value !== "number" || value < 0) throw malformed(`${name}.${moment}`, "is not a count");
      counts[moment] = value;
    }
  }
}

/** Progress of batches, which also knows whether the batch under way is the last of its run. */
export class BatchProgress extends Progress {
  isLastBatch = false;

  constructor() {
    super("run");
  }
  override resetOnRun(): void {
    super.resetOnRun();
    this.isLastBatch = false;
  }
  override stateDict(): PyDict {
    return super.stateDict().set("is_last_batch", this.isLastBatch);
  }
  override loadStateDict(state: PyDict, name: string): void {
    super.loadStateDict(state, name);
    this.isLastBatch = state.get("is_last_batch") === true;
  }
}

function zeros(): Counts {
  return { ready: 0, completed: 0, started: 0, processed: 0 };
}

function malformed(name: string, what: string): LtrainError {
  return new LtrainError("checkpoint.malformed", `loops: ${name} ${what}`);
}
