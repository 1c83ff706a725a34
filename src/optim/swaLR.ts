import { PyFloat } from "../pickle/values.js";
import { sincos } from "../tensor/exactTrig.js";
import { GroupSchedule, perGroup, requireThat, requireWhole, type LastEpoch } from "./lrScheduler.js";
import type { Optimizer } from "./optimizer.js";
import type { ParamGroup } from "./paramGroup.js";

/** SWALR's options. */
export interface SWALROptions extends LastEpoch {
  /** The learning rate to end at; a list has one for each group. */
  readonly swaLr: number | readonly number[];
  /** Epochs, or steps, until it is reached. */
  readonly annealEpochs?: number;
  readonly annealStrategy?: "cos" | "linear";
}

/** torch.optim.swa_utils.SWALR: from the learning rate of the moment to a fixed one, which then stays. */
export class SWALR extends GroupSchedule {
  constructor(optimizer: Optimizer, options: SWALROptions) {
    const { swaLr, annealEpochs = 10, annealStrategy = "cos" } = options;
    requireWhole("SWALR", "annealEpochs", annealEpochs, 0);
    requireThat(
      ["cos", "linear"].includes(annealStrategy),
      "SWALR",
      `annealStrategy is cos or linear, got ${annealStrategy}`,
    );
    perGroup("SWALR", "swaLr", optimizer, swaLr).forEach((lr, i) => {
      optimizer.paramGroups[i]?.options.set("swa_lr", new PyFloat(lr));
    });
    super(optimizer, [
      ["_anneal_strategy", annealStrategy],
      ["anneal_epochs", annealEpochs],
    ]);
    this.begin(options);
  }

  protected override nextLr(group: ParamGroup): number {
    const epochs = this.number("anneal_epochs");
    const counted = this.number("_step_count") - 1;
    const step = epochs === 0 ? Math.max(1, counted) : counted;
    const swaLr = group.number("swa_lr");
    const before = this.#anneal((step - 1) / Math.max(1, epochs));
    const first = before === 1 ? swaLr : (group.lr - before * swaLr) / (1 - before);
    const alpha = this.#anneal(step / Math.max(1, epochs));
    return swaLr * alpha + first * (1 - alpha);
  }

  #anneal(part: number): number {
    const t = Math.max(0, Math.min(1, part));
    return this.state.get("_anneal_strategy") === "cos" ? (1 - sincos(Math.PI * t).cos) / 2 : t;
  }
}
