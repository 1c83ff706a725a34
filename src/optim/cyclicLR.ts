import { LtrainError } from "../errors.js";
import { PyFloat, type PyValue } from "../pickle/values.js";
import { power } from "../tensor/exactPower.js";
import { GroupSchedule, perGroup, type Fields, type LastEpoch } from "./lrScheduler.js";
import type { Optimizer } from "./optimizer.js";
import type { ParamGroup } from "./paramGroup.js";

/** CyclicLR's options; what may be a list has a value for each group. */
export interface CyclicLROptions extends LastEpoch {
  readonly baseLr: number | readonly number[];
  readonly maxLr: number | readonly number[];
  /** Steps of a cycle's rising half. */
  readonly stepSizeUp?: number;
  /** Steps of its falling half; as many as of the rising one where it is not given. */
  readonly stepSizeDown?: number | null;
  readonly mode?: "triangular" | "triangular2" | "exp_range";
  readonly gamma?: number;
  /** A scale of one's own, in place of the mode's. */
  readonly scaleFn?: ((x: number) => number) | null;
  /** Whether scaleFn is asked with the number of the cycle or of the step. */
  readonly scaleMode?: "cycle" | "iterations";
  readonly cycleMomentum?: boolean;
  readonly baseMomentum?: number | readonly number[];
  readonly maxMomentum?: number | readonly number[];
}

/** torch.optim.lr_scheduler.CyclicLR: up and down between two rates, with momentum the other way. */
export class CyclicLR extends GroupSchedule {
  readonly #scaleFn: ((x: number) => number) | null;

  constructor(optimizer: Optimizer, options: CyclicLROptions) {
    const { stepSizeUp = 2000, stepSizeDown, mode = "triangular", gamma = 1, scaleFn = null } = options;
    const baseLrs = floats(perGroup("CyclicLR", "baseLr", optimizer, options.baseLr));
    if (options.lastEpoch === undefined || options.lastEpoch === -1) setOption(optimizer, "lr", baseLrs);
    if (!["triangular", "triangular2", "exp_range"].includes(mode) && scaleFn === null) {
      throw new LtrainError("argument.invalid", `CyclicLR's mode is triangular, triangular2 or exp_range, got ${mode}`);
    }
    const total = stepSizeUp + (stepSizeDown ?? stepSizeUp);
    const ofMode = mode === "exp_range" ? "iterations" : "cycle";
    super(optimizer, [
      ["max_lrs", floats(perGroup("CyclicLR", "maxLr", optimizer, options.maxLr))],
      ["total_size", new PyFloat(total)],
      ["step_ratio", new PyFloat(stepSizeUp / total)],
      ["mode", mode],
      ["gamma", new PyFloat(gamma)],
      ["scale_mode", scaleFn === null ? ofMode : (options.scaleMode ?? "cycle")],
      ...momentumFields(optimizer, options),
    ]);
    this.#scaleFn = scaleFn;
    this.begin(options);
    this.state.set("base_lrs", baseLrs);
    this.state.set("_scale_fn_custom", null); // a function has no state
  }

  protected override nextLr(group: ParamGroup, base: number, index: number): number {
    const [total, ratio] = [this.number("total_size"), this.number("step_ratio")];
    const cycle = Math.floor(1 + this.lastEpoch / total);
    const x = 1 + this.lastEpoch / total - cycle;
    const height = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
    const scale = this.#scale(this.state.get("scale_mode") === "cycle" ? cycle : this.lastEpoch);
    if (this.state.get("cycle_momentum") === true) {
      const [low, high] = [this.numbers("base_momentums")[index], this.numbers("max_momentums")[index]];
      if (low !== undefined && high !== undefined) group.setMomentum(new PyFloat(high - (high - low) * height * scale));
    }
    const max = this.numbers("max_lrs")[index] ?? base;
    return base + (max - base) * height * scale;
  }

  #scale(x: number): number {
    if (this.#scaleFn !== null) return this.#scaleFn(x);
    const mode = this.state.get("mode");
    if (mode === "triangular2") return 1 / 2 ** (x - 1);
    return mode === "exp_range" ? power(this.number("gamma"), x) : 1;
  }
}

function momentumFields(optimizer: Optimizer, options: CyclicLROptions): Fields {
  const { cycleMomentum = true, baseMomentum = 0.8, maxMomentum = 0.9 } = options;
  if (!cycleMomentum) return [["cycle_momentum", false]];
  const low = floats(perGroup("CyclicLR", "baseMomentum", optimizer, baseMomentum));
  const high = floats(perGroup("CyclicLR", "maxMomentum", optimizer, maxMomentum));
  startMomentum(optimizer, "CyclicLR", { low, high, isNew: (options.lastEpoch ?? -1) === -1 });
  return [
    ["cycle_momentum", true],
    ["use_beta1", optimizer.hasOption("betas")],
    ["base_momentums", low],
    ["max_momentums", high],
  ];
}

/** Where momentum is cycled too, groups begin with the highest and keep both ends among their options. */
export function startMomentum(
  optimizer: Optimizer,
  schedule: string,
  ends: { readonly low: readonly PyValue[]; readonly high: readonly PyValue[]; readonly isNew: boolean },
): void {
  if (!optimizer.hasOption("momentum") && !optimizer.hasOption("betas")) {
    throw new LtrainError(
      "argument.invalid",
      `${schedule} cycles the momentum, and ${optimizer.constructor.name} has neither momentum nor betas`,
      { hint: "set cycle_momentum to false" },
    );
  }
  if (!ends.isNew) return;
  optimizer.paramGroups.forEach((group, i) => {
    group.setMomentum(ends.high[i] ?? null);
  });
  setOption(optimizer, "max_momentum", ends.high);
  setOption(optimizer, "base_momentum", ends.low);
}

function setOption(optimizer: Optimizer, name: string, values: readonly PyValue[]): void {
  optimizer.paramGroups.forEach(({ options }, i) => options.set(name, values[i] ?? null));
}

/** Numbers as Python floats. */
export function floats(values: readonly number[]): PyFloat[] {
  return values.map((value) => new PyFloat(value));
}
