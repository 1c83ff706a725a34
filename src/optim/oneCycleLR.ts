import { LtrainError } from "../errors.js";
import { PyDict, PyFloat, type PyValue } from "../pickle/values.js";
import { sincos } from "../tensor/exactTrig.js";
import { floats, startMomentum } from "./cyclicLR.js";
import { GroupSchedule, perGroup, requireThat, requireWhole, toNumber, type LastEpoch } from "./lrScheduler.js";
import type { Optimizer } from "./optimizer.js";
import type { ParamGroup } from "./paramGroup.js";

/** OneCycleLR's options; what may be a list has a value for each group. */
export interface OneCycleLROptions extends LastEpoch {
  readonly maxLr: number | readonly number[];
  /** Steps of the whole cycle; or say `epochs` and `stepsPerEpoch`. */
  readonly totalSteps?: number | null;
  readonly epochs?: number | null;
  readonly stepsPerEpoch?: number | null;
  /** The part of the cycle in which the rate rises. */
  readonly pctStart?: number;
  readonly annealStrategy?: "cos" | "linear";
  readonly cycleMomentum?: boolean;
  readonly baseMomentum?: number | readonly number[];
  readonly maxMomentum?: number | readonly number[];
  /** The first rate is maxLr / divFactor. */
  readonly divFactor?: number;
  /** The last rate is the first / finalDivFactor. */
  readonly finalDivFactor?: number;
  readonly threePhase?: boolean;
}

/** torch.optim.lr_scheduler.OneCycleLR: up to the highest rate and far down, once, with momentum the other way. */
export class OneCycleLR extends GroupSchedule {
  constructor(optimizer: Optimizer, options: OneCycleLROptions) {
    const { pctStart = 0.3, annealStrategy = "cos", cycleMomentum = true } = options;
    const total = totalSteps(options);
    requireThat(pctStart >= 0 && pctStart <= 1, "OneCycleLR", `pctStart lies between 0 and 1, got ${pctStart}`);
    requireThat(
      ["cos", "linear"].includes(annealStrategy),
      "OneCycleLR",
      `annealStrategy is cos or linear, got ${annealStrategy}`,
    );
    const isNew = (options.lastEpoch ?? -1) === -1;
    if (isNew) setRates(optimizer, options);
    if (cycleMomentum) {
      const low = floats(perGroup("OneCycleLR", "baseMomentum", optimizer, options.baseMomentum ?? 0.85));
      const high = floats(perGroup("OneCycleLR", "maxMomentum", optimizer, options.maxMomentum ?? 0.95));
      startMomentum(optimizer, "OneCycleLR", { low, high, isNew });
    }
    super(optimizer, [
      ["total_steps", total],
      ["_schedule_phases", phases(total, pctStart, options.threePhase ?? false)],
      ["_anneal_func_type", annealStrategy],
      ["cycle_momentum", cycleMomentum],
      ...(cycleMomentum ? [["use_beta1", optimizer.hasOption("betas")] as const] : []),
    ]);
    this.begin(options);
  }

  protected override nextLr(group: ParamGroup): number {
    const [step, total] = [this.lastEpoch, this.number("total_steps")];
    if (step > total) {
      throw new LtrainError(
        "argument.invalid",
        `OneCycleLR was to take ${total} steps, and is asked for step ${step}`,
        {
          hint: "total_steps counts what the scheduler is stepped by: batches with interval: step, epochs otherwise",
        },
      );
    }
    const { phase, part } = this.#phaseOf(step);
    const between = (from: string, to: string): number =>
      this.#anneal(group.number(nameIn(phase, from)), group.number(nameIn(phase, to)), part);
    const lr = between("start_lr", "end_lr");
    if (this.state.get("cycle_momentum") === true) {
      group.setMomentum(new PyFloat(between("start_momentum", "end_momentum")));
    }
    return lr;
  }

  /** The phase of a step, and how far it is gone. */
  #phaseOf(step: number): { readonly phase: PyDict; readonly part: number } {
    const list = this.state.get("_schedule_phases");
    const all = Array.isArray(list) ? list.filter((phase) => phase instanceof PyDict) : [];
    let start = 0;
    for (const [i, phase] of all.entries()) {
      const end = toNumber(phase.get("end_step") ?? null);
      if (step <= end || i === all.length - 1) return { phase, part: (step - start) / (end - start) };
      start = end;
    }
    throw new LtrainError("checkpoint.malformed", "the state of OneCycleLR has no _schedule_phases");
  }

  #anneal(start: number, end: number, part: number): number {
    if (this.state.get("_anneal_func_type") === "linear") return (end - start) * part + start;
    return end + ((start - end) / 2) * (sincos(Math.PI * part).cos + 1);
  }
}

function totalSteps({ totalSteps: total, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  if (typeof total === "number") {
    requireWhole("OneCycleLR", "totalSteps", total, 1);
    return total;
  }
  if (typeof epochs !== "number" || typeof stepsPerEpoch !== "number") {
    throw new LtrainError("argument.invalid", "OneCycleLR needs total_steps, or epochs and steps_per_epoch");
  }
  requireWhole("OneCycleLR", "epochs", epochs, 1);
  requireWhole("OneCycleLR", "stepsPerEpoch", stepsPerEpoch, 1);
  return epochs * stepsPerEpoch;
}

function setRates(optimizer: Optimizer, { maxLr, divFactor = 25, finalDivFactor = 1e4 }: OneCycleLROptions): void {
  const maxLrs = perGroup("OneCycleLR", "maxLr", optimizer, maxLr);
  optimizer.paramGroups.forEach(({ options }, i) => {
    const max = maxLrs[i] ?? Number.NaN;
    const initial = max / divFactor;
    options.set("initial_lr", new PyFloat(initial));
    options.set("max_lr", new PyFloat(max));
    options.set("min_lr", new PyFloat(initial / finalDivFactor));
  });
}

/** From where to where the rate and the momentum go: names of the groups' options. */
function phases(total: number, pctStart: number, isThreePhase: boolean): PyValue[] {
  const last = total - 1;
  const rise = phase(new PyFloat(pctStart * total - 1), ["initial_lr", "max_lr"], ["max_momentum", "base_momentum"]);
  const falling = ["base_momentum", "max_momentum"] as const;
  if (!isThreePhase) return [rise, phase(last, ["max_lr", "min_lr"], falling)];
  return [
    rise,
    phase(new PyFloat(2 * pctStart * total - 2), ["max_lr", "initial_lr"], falling),
    phase(last, ["initial_lr", "min_lr"], ["max_momentum", "max_momentum"]),
  ];
}

type FromTo = readonly [from: string, to: string];

function phase(endStep: PyValue, lr: FromTo, momentum: FromTo): PyDict {
  return new PyDict([
    ["end_step", endStep],
    ["start_lr", lr[0]],
    ["end_lr", lr[1]],
    ["start_momentum", momentum[0]],
    ["end_momentum", momentum[1]],
  ]);
}

function nameIn(phaseOf: PyDict, key: string): string {
  const name = phaseOf.get(key);
  return typeof name === "string" ? name : key;
}
