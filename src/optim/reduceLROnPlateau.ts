import { LtrainError } from "../errors.js";
import { PyFloat, type PyValue } from "../pickle/values.js";
import { LRScheduler, perGroup, requireThat } from "./lrScheduler.js";
import type { Optimizer } from "./optimizer.js";

/** ReduceLROnPlateau's options. */
export interface ReduceLROnPlateauOptions {
  /** Whether the metric is to become smaller or larger. */
  readonly mode?: "min" | "max";
  readonly factor?: number;
  /** Steps without improvement that are let pass. */
  readonly patience?: number;
  readonly threshold?: number;
  /** Whether the threshold is a part of the best value or an amount. */
  readonly thresholdMode?: "rel" | "abs";
  /** Steps after a reduction that do not count. */
  readonly cooldown?: number;
  /** One for all groups, or a list with one for each. */
  readonly minLr?: number | readonly number[];
  /** A reduction by less is not made. */
  readonly eps?: number;
}

/** torch.optim.lr_scheduler.ReduceLROnPlateau: the learning rate times a factor when a metric stops improving. */
export class ReduceLROnPlateau extends LRScheduler {
  constructor(optimizer: Optimizer, options: ReduceLROnPlateauOptions = {}) {
    const { mode = "min", factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = "rel" } = options;
    const { cooldown = 0, minLr = 0, eps = 1e-8 } = options;
    requireThat(factor < 1, "ReduceLROnPlateau", `factor is below 1, got ${factor}`);
    requireThat(["min", "max"].includes(mode), "ReduceLROnPlateau", `mode is min or max, got ${mode}`);
    requireThat(
      ["rel", "abs"].includes(thresholdMode),
      "ReduceLROnPlateau",
      `thresholdMode is rel or abs, got ${thresholdMode}`,
    );
    const worst = new PyFloat(mode === "min" ? Infinity : -Infinity);
    super(optimizer, [
      ["factor", new PyFloat(factor)],
      ["default_min_lr", typeof minLr === "number" ? asGiven(minLr) : null],
      ["min_lrs", perGroup("ReduceLROnPlateau", "minLr", optimizer, minLr).map(asGiven)],
      ["patience", patience],
      ["cooldown", cooldown],
      ["eps", new PyFloat(eps)],
      ["last_epoch", 0],
    ]);
    this.noteRates();
    const rest: [string, PyValue][] = [
      ["mode_worse", worst],
      ["mode", mode],
      ["threshold", new PyFloat(threshold)],
      ["threshold_mode", thresholdMode],
      ["best", worst],
      ["cooldown_counter", 0],
      ["num_bad_epochs", 0],
    ];
    for (const [name, value] of rest) this.state.set(name, value);
  }

  override step(metric?: number): void {
    if (metric === undefined) {
      throw new LtrainError("argument.invalid", "ReduceLROnPlateau.step must be told the metric that it watches");
    }
    const count = (name: string, value: number): void => void this.state.set(name, value);
    count("last_epoch", this.lastEpoch + 1);
    if (this.#isBetter(metric)) {
      this.state.set("best", new PyFloat(metric));
      count("num_bad_epochs", 0);
    } else count("num_bad_epochs", this.number("num_bad_epochs") + 1);
    if (this.number("cooldown_counter") > 0) {
      count("cooldown_counter", this.number("cooldown_counter") - 1);
      count("num_bad_epochs", 0);
    }
    if (this.number("num_bad_epochs") > this.number("patience")) {
      this.#reduce();
      count("cooldown_counter", this.number("cooldown"));
      count("num_bad_epochs", 0);
    }
    this.noteRates();
  }

  #isBetter(value: number): boolean {
    const [best, threshold] = [this.number("best"), this.number("threshold")];
    const isRelative = this.state.get("threshold_mode") === "rel";
    if (this.state.get("mode") === "min") return value < (isRelative ? best * (1 - threshold) : best - threshold);
    return value > (isRelative ? best * (threshold + 1) : best + threshold);
  }

  #reduce(): void {
    const { paramGroups } = this.optimizer;
    if (this.numbers("min_lrs").length !== paramGroups.length) this.#fitMinLrs(paramGroups.length);
    const minLrs = this.numbers("min_lrs");
    paramGroups.forEach((group, i) => {
      const least = minLrs[i] ?? 0;
      const reduced = group.lr * this.number("factor");
      const next = least > reduced ? least : reduced;
      if (group.lr - next > this.number("eps")) group.lr = next;
    });
  }

  /** Groups have come since: they have the common least rate, where there is one. */
  #fitMinLrs(groups: number): void {
    const common = this.state.get("default_min_lr") ?? null;
    if (common === null) {
      throw new LtrainError(
        "argument.invalid",
        `ReduceLROnPlateau has ${this.numbers("min_lrs").length} least rates for ${groups} groups`,
        { hint: "give one minLr for all groups where groups are added later" },
      );
    }
    this.state.set("min_lrs", new Array<PyValue>(groups).fill(common));
  }
}

/** torch keeps what it was given: 0 is an int. */
function asGiven(value: number): PyValue {
  return Number.isInteger(value) ? value : new PyFloat(value);
}
