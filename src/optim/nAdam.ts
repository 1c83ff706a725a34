import { PyFloat, PyTuple, type PyValue } from "../pickle/values.js";
import { tf } from "../tensor/tf.js";
import { addcdiv, decayedGrad, decayScalars, lerp, lerpScalars, squared, squaredScalars } from "./arithmetic.js";
import { requireAtLeastZero, requireBetas } from "./checks.js";
import { Optimizer, type Update } from "./optimizer.js";
import type { ParamGroup, Params } from "./paramGroup.js";
import type { ParamState } from "./paramState.js";

/** torch.optim.NAdam's options; `foreach`, `capturable` and `differentiable` only travel with the state. */
export interface NAdamOptions {
  readonly lr?: number;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly weightDecay?: number;
  readonly momentumDecay?: number;
  readonly decoupledWeightDecay?: boolean;
  readonly foreach?: boolean | null;
  readonly maximize?: boolean;
  readonly capturable?: boolean;
  readonly differentiable?: boolean;
}

const DEFAULTS: ReadonlyMap<string, PyValue> = new Map<string, PyValue>([
  ["lr", new PyFloat(2e-3)],
  ["betas", new PyTuple([new PyFloat(0.9), new PyFloat(0.999)])],
  ["eps", new PyFloat(1e-8)],
  ["weight_decay", 0],
  ["momentum_decay", new PyFloat(4e-3)],
  ["decoupled_weight_decay", false],
  ["maximize", false],
  ["foreach", null],
  ["capturable", false],
  ["differentiable", false],
]);

/** torch.optim.NAdam: Adam with Nesterov momentum, whose weight is scheduled; the division by 1-β2^t is under the root. */
export class NAdam extends Optimizer {
  constructor(params: Params<NAdamOptions>, options: NAdamOptions = {}) {
    super(params, options, DEFAULTS);
  }

  protected override get freshNumbers(): Readonly<Record<string, number>> {
    return { mu_product: 1 };
  }
  protected override nextNumbers(group: ParamGroup, state: Readonly<ParamState>): ParamState["numbers"] {
    return { mu_product: muProduct(state, mu(group, state.step)) };
  }

  protected override check(group: ParamGroup): void {
    requireAtLeastZero("NAdam", group, ["lr", "eps", "weight_decay", "momentum_decay"]);
    requireBetas("NAdam", group);
  }

  protected override slotNames(): readonly string[] {
    return ["exp_avg", "exp_avg_sq"];
  }

  protected override scalars(group: ParamGroup, state: Readonly<ParamState>): Record<string, number> {
    const [beta1, beta2] = group.pair("betas");
    const { lr } = group;
    const t = state.step + 1;
    const [now, next] = [mu(group, t), mu(group, t + 1)];
    const product = muProduct(state, now);
    return {
      ...decayScalars(group),
      ...lerpScalars(1 - beta1),
      ...squaredScalars(beta2),
      correction2: 1 - beta2 ** t,
      eps: group.number("eps"),
      negative_grad_size: (-lr * (1 - now)) / (1 - product),
      negative_step_size: (-lr * next) / (1 - product * next),
    };
  }

  protected override update(update: Update): void {
    const { param, group, scalar, slot } = update;
    const g = decayedGrad(update);
    const average = slot("exp_avg");
    average.assign(lerp(average.value, g, 1 - group.pair("betas")[0], scalar));
    const square = slot("exp_avg_sq");
    square.assign(squared(square.value, g, scalar));
    const denominator = tf.add(tf.sqrt(tf.div(square.value, scalar("correction2"))), scalar("eps"));
    const moved = addcdiv(param.value, g, denominator, scalar("negative_grad_size"));
    param.assign(addcdiv(moved, average.value, denominator, scalar("negative_step_size")));
  }
}

/** The momentum of update `t`, counted from 1. */
function mu(group: ParamGroup, t: number): number {
  return group.pair("betas")[0] * (1 - 0.5 * 0.96 ** (t * group.number("momentum_decay")));
}

/** torch keeps the product of all momenta in float32. */
function muProduct({ numbers }: Readonly<ParamState>, factor: number): number {
  return Math.fround((numbers["mu_product"] ?? 1) * Math.fround(factor));
}
