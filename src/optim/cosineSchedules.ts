import { PyFloat } from "../pickle/values.js";
import { sincos } from "../tensor/exactTrig.js";
import { GroupSchedule, requireWhole, type LastEpoch } from "./lrScheduler.js";
import type { Optimizer } from "./optimizer.js";
import type { ParamGroup } from "./paramGroup.js";

/** CosineAnnealingLR's options. */
export interface CosineAnnealingLROptions extends LastEpoch {
  /** Epochs, or steps, from the first learning rate down to etaMin. */
  readonly tMax: number;
  readonly etaMin?: number;
}

/** torch.optim.lr_scheduler.CosineAnnealingLR: down to etaMin along half a cosine, and up again where it goes on. */
export class CosineAnnealingLR extends GroupSchedule {
  constructor(optimizer: Optimizer, options: CosineAnnealingLROptions) {
    requireWhole("CosineAnnealingLR", "tMax", options.tMax, 1);
    super(optimizer, [
      ["T_max", options.tMax],
      ["eta_min", new PyFloat(options.etaMin ?? 0)],
    ]);
    this.begin(options);
  }

  protected override nextLr({ lr }: ParamGroup, base: number): number | null {
    if (this.isInitial) return null;
    const [epoch, tMax, etaMin] = [this.lastEpoch, this.number("T_max"), this.number("eta_min")];
    const span = base - etaMin;
    if (this.number("_step_count") === 1 && epoch > 0) return etaMin + (span * (1 + cos((epoch * Math.PI) / tMax))) / 2;
    if (Math.abs(epoch - 1 - tMax) % (2 * tMax) === 0) return lr + (span * (1 - cos(Math.PI / tMax))) / 2;
    const ratio = (1 + cos((Math.PI * epoch) / tMax)) / (1 + cos((Math.PI * (epoch - 1)) / tMax));
    return ratio * (lr - etaMin) + etaMin;
  }
  protected override firstLr(_group: ParamGroup, base: number): number {
    const etaMin = this.number("eta_min");
    return etaMin + ((base - etaMin) * 2) / 2;
  }
}

/** CosineAnnealingWarmRestarts' options. */
export interface CosineAnnealingWarmRestartsOptions extends LastEpoch {
  /** Epochs, or steps, until the first restart. */
  readonly t0: number;
  /** How much longer each round is than the one before. */
  readonly tMult?: number;
  readonly etaMin?: number;
}

/** torch.optim.lr_scheduler.CosineAnnealingWarmRestarts: half a cosine down to etaMin, then from the top again. */
export class CosineAnnealingWarmRestarts extends GroupSchedule {
  constructor(optimizer: Optimizer, options: CosineAnnealingWarmRestartsOptions) {
    const { t0, tMult = 1, etaMin = 0 } = options;
    requireWhole("CosineAnnealingWarmRestarts", "t0", t0, 1);
    requireWhole("CosineAnnealingWarmRestarts", "tMult", tMult, 1);
    super(optimizer, [
      ["T_0", t0],
      ["T_i", t0],
      ["T_mult", tMult],
      ["eta_min", new PyFloat(etaMin)],
      ["T_cur", options.lastEpoch ?? -1],
    ]);
    this.begin(options);
  }

  /** As torch's, it leaves `_step_count` as it is. */
  override step(): void {
    if (this.lastEpoch < 0) {
      this.state.set("T_i", this.number("T_0"));
      this.state.set("T_cur", 0);
    } else {
      const [length, next] = [this.number("T_i"), this.number("T_cur") + 1];
      this.state.set("T_cur", next >= length ? next % length : next);
      if (next >= length) this.state.set("T_i", length * this.number("T_mult"));
    }
    this.state.set("last_epoch", Math.max(this.lastEpoch, -1) + 1);
    this.setRates((group, base) => this.nextLr(group, base));
  }

  protected override nextLr(_group: ParamGroup, base: number): number {
    const etaMin = this.number("eta_min");
    const angle = (Math.PI * this.number("T_cur")) / this.number("T_i");
    return etaMin + ((base - etaMin) * (1 + cos(angle))) / 2;
  }
}

/** The C library's cosine, which Python computes with; V8's has other last bits. */
function cos(angle: number): number {
  return sincos(angle).cos;
}
