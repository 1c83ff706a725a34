import { PyFloat, PyTuple, type PyValue } from "../pickle/values.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { addcdiv, decayedGrad, decayScalars, lerp, lerpScalars, squared, squaredScalars } from "./arithmetic.js";
import { requireAtLeastZero, requireBetas } from "./checks.js";
import { Optimizer, type Update } from "./optimizer.js";
import type { ParamGroup, Params } from "./paramGroup.js";
import type { ParamState } from "./paramState.js";

/** torch.optim.Adam's options; `foreach`, `capturable`, `differentiable` and `fused` only travel with the state. */
export interface AdamOptions {
  readonly lr?: number;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly weightDecay?: number;
  readonly amsgrad?: boolean;
  readonly maximize?: boolean;
  readonly foreach?: boolean | null;
  readonly capturable?: boolean;
  readonly differentiable?: boolean;
  readonly fused?: boolean | null;
  readonly decoupledWeightDecay?: boolean;
}

/** torch.optim.Adam's defaults, in its order. */
export const ADAM_DEFAULTS: ReadonlyMap<string, PyValue> = new Map<string, PyValue>([
  ["lr", new PyFloat(1e-3)],
  ["betas", new PyTuple([new PyFloat(0.9), new PyFloat(0.999)])],
  ["eps", new PyFloat(1e-8)],
  ["weight_decay", 0],
  ["amsgrad", false],
  ["maximize", false],
  ["foreach", null],
  ["capturable", false],
  ["differentiable", false],
  ["fused", null],
  ["decoupled_weight_decay", false],
]);

/** torch.optim.Adam: eps is added after the division by √(1-β2^t), as torch does. */
export class Adam extends Optimizer {
  constructor(params: Params<AdamOptions>, options: AdamOptions = {}, defaults = ADAM_DEFAULTS) {
    super(params, options, defaults);
  }

  protected override check(group: ParamGroup): void {
    requireAtLeastZero(this.constructor.name, group, ["lr", "eps", "weight_decay"]);
    requireBetas(this.constructor.name, group);
  }

  protected override slotNames(group: ParamGroup): readonly string[] {
    return ["exp_avg", "exp_avg_sq", ...(group.flag("amsgrad") ? ["max_exp_avg_sq"] : [])];
  }

  protected override scalars(group: ParamGroup, { step }: Readonly<ParamState>): Record<string, number> {
    const [beta1, beta2] = group.pair("betas");
    const t = step + 1;
    return {
      ...decayScalars(group),
      ...lerpScalars(1 - beta1),
      ...squaredScalars(beta2),
      root_of_correction2: (1 - beta2 ** t) ** 0.5,
      eps: group.number("eps"),
      negative_step_size: -(group.lr / (1 - beta1 ** t)),
    };
  }

  protected override update(update: Update): void {
    const { param, group, scalar, slot } = update;
    const g = decayedGrad(update);
    const average = slot("exp_avg");
    average.assign(lerp(average.value, g, 1 - group.pair("betas")[0], scalar));
    const square = slot("exp_avg_sq");
    square.assign(squared(square.value, g, scalar));
    const root = tf.sqrt(this.#largest(group, square.value, slot));
    const denominator = tf.add(tf.div(root, scalar("root_of_correction2")), scalar("eps"));
    param.assign(addcdiv(param.value, average.value, denominator, scalar("negative_step_size")));
  }

  /** The second moment to divide by: its maximum so far under amsgrad. */
  #largest(group: ParamGroup, square: Tensor, slot: Update["slot"]): Tensor {
    if (!group.flag("amsgrad")) return square;
    const maximum = slot("max_exp_avg_sq");
    maximum.assign(tf.maximum(maximum.value, square));
    return maximum.value;
  }
}
