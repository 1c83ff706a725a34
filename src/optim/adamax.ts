import { PyFloat, PyTuple, type PyValue } from "../pickle/values.js";
import { tf } from "../tensor/tf.js";
import { addcdiv, decayedGrad, decayScalars, lerp, lerpScalars } from "./arithmetic.js";
import { requireAtLeastZero, requireBetas } from "./checks.js";
import { Optimizer, type Update } from "./optimizer.js";
import type { ParamGroup, Params } from "./paramGroup.js";
import type { ParamState } from "./paramState.js";

/** torch.optim.Adamax's options; `foreach`, `capturable` and `differentiable` only travel with the state. */
export interface AdamaxOptions {
  readonly lr?: number;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly weightDecay?: number;
  readonly foreach?: boolean | null;
  readonly maximize?: boolean;
  readonly differentiable?: boolean;
  readonly capturable?: boolean;
}

const DEFAULTS: ReadonlyMap<string, PyValue> = new Map<string, PyValue>([
  ["lr", new PyFloat(2e-3)],
  ["betas", new PyTuple([new PyFloat(0.9), new PyFloat(0.999)])],
  ["eps", new PyFloat(1e-8)],
  ["weight_decay", 0],
  ["foreach", null],
  ["maximize", false],
  ["differentiable", false],
  ["capturable", false],
]);

/** torch.optim.Adamax: Adam over the infinity norm. */
export class Adamax extends Optimizer {
  constructor(params: Params<AdamaxOptions>, options: AdamaxOptions = {}) {
    super(params, options, DEFAULTS);
  }

  protected override check(group: ParamGroup): void {
    requireAtLeastZero("Adamax", group, ["lr", "eps", "weight_decay"]);
    requireBetas("Adamax", group);
  }

  protected override slotNames(): readonly string[] {
    return ["exp_avg", "exp_inf"];
  }

  protected override scalars(group: ParamGroup, { step }: Readonly<ParamState>): Record<string, number> {
    const [beta1, beta2] = group.pair("betas");
    return {
      ...decayScalars(group),
      ...lerpScalars(1 - beta1),
      beta2,
      eps: group.number("eps"),
      negative_step_size: -(group.lr / (1 - beta1 ** (step + 1))),
    };
  }

  protected override update(update: Update): void {
    const { param, group, scalar, slot } = update;
    const g = decayedGrad(update);
    const average = slot("exp_avg");
    average.assign(lerp(average.value, g, 1 - group.pair("betas")[0], scalar));
    const largest = slot("exp_inf");
    largest.assign(tf.maximum(tf.mul(largest.value, scalar("beta2")), tf.add(tf.abs(g), scalar("eps"))));
    param.assign(addcdiv(param.value, average.value, largest.value, scalar("negative_step_size")));
  }
}
