import { LtrainError } from "../errors.js";
import { asNumber } from "../pickle/convert.js";
import { PyDict, PyFloat, type PyValue } from "../pickle/values.js";
import type { Optimizer } from "./optimizer.js";
import type { ParamGroup } from "./paramGroup.js";

/** What every schedule of torch's takes beside its own arguments. */
export interface LastEpoch {
  /** Where a schedule that is not restored from a state goes on; the groups then have their `initial_lr`. */
  readonly lastEpoch?: number;
}

/** What a schedule keeps, under torch's names and in torch's order. */
export type Fields = readonly (readonly [string, PyValue])[];

/**
 * torch.optim.lr_scheduler.LRScheduler: it changes the learning rates of an optimizer's groups. Its state is torch's
 * `__dict__`, kept with Python's types, so that what was loaded is saved again as it came.
 */
export abstract class LRScheduler {
  readonly optimizer: Optimizer;
  protected readonly state: PyDict;

  protected constructor(optimizer: Optimizer, fields: Fields) {
    this.optimizer = optimizer;
    this.state = new PyDict(fields);
  }

  /** Go on by one epoch or step, whichever the schedule is counted in; `metric` is for schedules that look at one. */
  abstract step(metric?: number): void;

  /** Steps taken after construction. */
  get lastEpoch(): number {
    return this.number("last_epoch");
  }
  /** The learning rates as of the last step. */
  get lastLr(): number[] {
    return this.numbers("_last_lr");
  }

  /** torch's state: the scheduler's `__dict__` without the optimizer. */
  stateDict(): PyDict {
    return new PyDict(this.state);
  }
  /** torch's `__dict__.update`: what is given replaces, what is missing stays. */
  loadStateDict(state: PyDict): void {
    for (const [name, value] of state) this.state.set(name, value);
  }

  /** torch's `_initial_step`: the uncounted step of a schedule that begins. */
  initialStep(): void {
    this.state.set("_step_count", 0);
    this.state.set("_is_initial", true);
    try {
      this.step();
    } finally {
      this.state.set("_is_initial", false);
    }
  }
  /** Take one step back in the count, before a SequentialLR begins. */
  undo(): void {
    this.state.set("last_epoch", this.lastEpoch - 1);
  }
  /** torch's `_update_lr(0)`: a SequentialLR comes to this schedule. */
  restart(): void {
    throw new LtrainError("argument.invalid", `SequentialLR can have a ${this.constructor.name} in first place only`, {
      hint: "as in torch: put its schedules into the SequentialLR themselves",
    });
  }

  /** Note the groups' rates: `_last_lr`. */
  protected noteRates(): void {
    this.state.set(
      "_last_lr",
      this.optimizer.paramGroups.map(({ options }) => options.get("lr") ?? null),
    );
  }
  /** A number of the state, whatever its Python type. */
  protected number(name: string): number {
    return toNumber(this.state.get(name) ?? null);
  }
  /** A list of numbers of the state. */
  protected numbers(name: string): number[] {
    const items = this.state.get(name);
    return Array.isArray(items) ? items.map(toNumber) : [];
  }
}

/**
 * A schedule that says the rate of each group by the epoch under way; most go from the rate before, in torch's recursive
 * arithmetic, whose rounding a closed form would not repeat.
 */
export abstract class GroupSchedule extends LRScheduler {
  /** `fields` is what this schedule keeps; the common part follows. Subclasses end their constructor with `begin`. */
  protected constructor(optimizer: Optimizer, fields: Fields) {
    super(optimizer, fields);
  }

  /** The rate of a group for the epoch under way; null leaves it as it is. */
  protected abstract nextLr(group: ParamGroup, base: number, index: number): number | null;
  /** The rate with which the schedule begins inside a SequentialLR: torch's closed form for epoch 0, where it has one. */
  protected firstLr(group: ParamGroup, base: number, index: number): number | null {
    return this.nextLr(group, base, index);
  }

  /** torch's LRScheduler.__init__: the common part of the state, and the first step. */
  protected begin({ lastEpoch = -1 }: LastEpoch = {}): void {
    this.optimizer.paramGroups.forEach(({ options }, i) => {
      if (options.has("initial_lr")) return;
      if (lastEpoch !== -1) {
        throw new LtrainError("argument.invalid", `group ${i} of the optimizer has no initial_lr to go on from`, {
          hint: "lastEpoch is for groups that were scheduled before; a resumed run needs none",
        });
      }
      options.set("initial_lr", options.get("lr") ?? null);
    });
    this.state.set(
      "base_lrs",
      this.optimizer.paramGroups.map(({ options }) => options.get("initial_lr") ?? null),
    );
    this.state.set("last_epoch", lastEpoch);
    this.initialStep();
  }

  override step(): void {
    this.state.set("_step_count", this.number("_step_count") + 1);
    this.#update(this.lastEpoch + 1, (group, base, index) => this.nextLr(group, base, index));
  }
  override restart(): void {
    this.#update(0, (group, base, index) => this.firstLr(group, base, index));
  }

  /** Whether this is the step that begins the schedule. */
  protected get isInitial(): boolean {
    return this.state.get("_is_initial") === true;
  }

  #update(epoch: number, lrOf: (group: ParamGroup, base: number, index: number) => number | null): void {
    this.state.set("last_epoch", epoch);
    this.setRates(lrOf);
  }
  /** Give every group its rate. */
  protected setRates(lrOf: (group: ParamGroup, base: number, index: number) => number | null): void {
    this.state.set("_get_lr_called_within_step", false);
    const bases = this.numbers("base_lrs");
    const rates = this.optimizer.paramGroups.map((group, i) => lrOf(group, bases[i] ?? group.lr, i));
    this.optimizer.paramGroups.forEach(({ options }, i) => {
      const rate = rates[i] ?? null;
      if (rate !== null) options.set("lr", new PyFloat(rate));
    });
    this.noteRates();
  }
}

/** A number of a state; NaN where there is none. */
export function toNumber(value: PyValue): number {
  return asNumber(value) ?? Number.NaN;
}

/** One value for each group, or a list with as many: torch's _format_param. */
export function perGroup<T>(
  schedule: string,
  name: string,
  optimizer: Optimizer,
  value: T | readonly T[],
): readonly T[] {
  const groups = optimizer.paramGroups.length;
  if (!Array.isArray(value)) return new Array<T>(groups).fill(value as T);
  if (value.length === groups) return value as readonly T[];
  throw new LtrainError(
    "argument.invalid",
    `${schedule}'s ${name} has ${value.length} values, the optimizer has ${groups} groups`,
  );
}

/** A whole number from `from`, or argument.invalid. */
export function requireWhole(schedule: string, name: string, value: number, from: number): void {
  if (Number.isInteger(value) && value >= from) return;
  throw new LtrainError("argument.invalid", `${schedule}'s ${name} is a whole number from ${from}, got ${value}`);
}

/** A condition of torch's on an argument, or argument.invalid. */
export function requireThat(isRight: boolean, schedule: string, what: string): void {
  if (!isRight) throw new LtrainError("argument.invalid", `${schedule}: ${what}`);
}
