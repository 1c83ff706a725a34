import { asNumber } from "../pickle/convert.js";
import { PyDict, type PyValue } from "../pickle/values.js";
import type { Optimizer } from "./optimizer.js";

/**
 * torch.optim.lr_scheduler.LRScheduler: it changes the learning rates of an optimizer's groups, each from the one before
 * (torch's recursive arithmetic, whose rounding a closed form would not repeat). Its state is torch's `__dict__`, kept
 * with Python's types, so that what was loaded is saved again as it came.
 */
export abstract class LRScheduler {
  readonly optimizer: Optimizer;
  protected readonly state: PyDict;

  /** `own` is what this schedule keeps, under torch's names and in torch's order; the common part follows. */
  protected constructor(optimizer: Optimizer, own: readonly (readonly [string, PyValue])[]) {
    this.optimizer = optimizer;
    this.state = new PyDict(own);
    for (const { options } of optimizer.paramGroups) {
      if (!options.has("initial_lr")) options.set("initial_lr", options.get("lr") ?? null);
    }
    const baseLrs = optimizer.paramGroups.map(({ options }) => options.get("initial_lr") ?? null);
    this.state.set("base_lrs", baseLrs);
    this.state.set("last_epoch", -1);
    this.state.set("_step_count", 0);
    this.state.set("_is_initial", false);
    this.state.set("_get_lr_called_within_step", false);
    this.state.set("_last_lr", []);
  }

  /** The learning rate of every group for the epoch under way, from the ones that they have now. */
  protected abstract nextLrs(metric: number | undefined): number[];

  /** The first, uncounted step that torch takes in the constructor; subclasses call it last in theirs. */
  protected initialStep(): void {
    this.step();
  }

  /** Steps taken after construction. */
  get lastEpoch(): number {
    return this.number("last_epoch");
  }
  /** The learning rates as of the last step. */
  get lastLr(): number[] {
    const lrs = this.state.get("_last_lr");
    return Array.isArray(lrs) ? lrs.map(toNumber) : [];
  }
  /** The learning rates the schedule started from. */
  protected get baseLrs(): number[] {
    const lrs = this.state.get("base_lrs");
    return Array.isArray(lrs) ? lrs.map(toNumber) : [];
  }

  /** Go on by one epoch or step, whichever the schedule is counted in; `metric` is for schedules that look at one. */
  step(metric?: number): void {
    this.state.set("last_epoch", this.lastEpoch + 1);
    this.state.set("_step_count", this.number("_step_count") + 1);
    const lrs = this.nextLrs(metric);
    this.optimizer.paramGroups.forEach((group, i) => {
      const lr = lrs[i];
      if (lr !== undefined) group.lr = lr;
    });
    this.state.set(
      "_last_lr",
      this.optimizer.paramGroups.map(({ options }) => options.get("lr") ?? null),
    );
  }

  /** torch's state: the scheduler's `__dict__` without the optimizer. */
  stateDict(): PyDict {
    return new PyDict(this.state);
  }
  /** torch's `__dict__.update`: what is given replaces, what is missing stays. */
  loadStateDict(state: PyDict): void {
    for (const [name, value] of state) this.state.set(name, value);
  }

  /** A number of the state, whatever its Python type. */
  protected number(name: string): number {
    return toNumber(this.state.get(name) ?? null);
  }
}

function toNumber(value: PyValue): number {
  return asNumber(value) ?? Number.NaN;
}
