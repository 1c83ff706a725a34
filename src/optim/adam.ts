import { LtrainError } from "../errors.js";
import type { Parameter } from "../nn/parameter.js";
import { PyFloat, PyTuple, type PyValue } from "../pickle/values.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { Optimizer, type Update } from "./optimizer.js";
import type { ParamGroup, ParamGroupInit } from "./paramGroup.js";

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
  constructor(
    params: readonly Parameter[] | readonly ParamGroupInit<AdamOptions>[],
    options: AdamOptions = {},
    defaults = ADAM_DEFAULTS,
  ) {
    super(params, options, defaults);
  }

  protected override get countsSteps(): boolean {
    return true;
  }

  protected override check(group: ParamGroup): void {
    for (const name of ["lr", "eps", "weight_decay"]) {
      if (!(group.number(name) >= 0)) {
        throw new LtrainError(
          "argument.invalid",
          `${this.constructor.name}'s ${name} is at least 0, got ${group.number(name)}`,
        );
      }
    }
    for (const beta of group.pair("betas")) {
      if (!(beta >= 0 && beta < 1)) {
        throw new LtrainError(
          "argument.invalid",
          `${this.constructor.name}'s betas lie between 0 and 1 (exclusive), got ${beta}`,
        );
      }
    }
  }

  protected override slotNames(group: ParamGroup): readonly string[] {
    return ["exp_avg", "exp_avg_sq", ...(group.flag("amsgrad") ? ["max_exp_avg_sq"] : [])];
  }

  protected override scalars(group: ParamGroup, step: number): Record<string, number> {
    const [beta1, beta2] = group.pair("betas");
    const t = step + 1;
    const decay = group.number("weight_decay");
    return {
      ...(decay !== 0 && !group.flag("decoupled_weight_decay") && { weight_decay: decay }),
      ...(decay !== 0 && group.flag("decoupled_weight_decay") && { shrink: 1 - group.lr * decay }),
      // torch's lerp starts from the nearer end; the name says which, since it is another graph.
      ...(nearStart(beta1) ? { one_minus_beta1: 1 - beta1 } : { beta1: 1 - Math.fround(1 - beta1) }),
      beta2,
      one_minus_beta2: 1 - beta2,
      root_of_correction2: (1 - beta2 ** t) ** 0.5,
      eps: group.number("eps"),
      negative_step_size: -(group.lr / (1 - beta1 ** t)),
    };
  }

  protected override update({ param, grad, group, scalar, slot }: Update): void {
    let g = group.flag("maximize") ? tf.neg(grad) : grad;
    if (group.flag("weight_decay")) {
      if (group.flag("decoupled_weight_decay")) param.assign(tf.mul(param.value, scalar("shrink")));
      else g = tf.add(g, tf.mul(param.value, scalar("weight_decay")));
    }
    const average = slot("exp_avg");
    const difference = tf.sub(g, average.value);
    average.assign(
      nearStart(group.pair("betas")[0])
        ? tf.add(average.value, tf.mul(difference, scalar("one_minus_beta1")))
        : tf.sub(g, tf.mul(difference, scalar("beta1"))),
    );
    const square = slot("exp_avg_sq");
    const newSquare = tf.mul(tf.mul(g, scalar("one_minus_beta2")), g);
    square.assign(tf.add(tf.mul(square.value, scalar("beta2")), newSquare));
    const denominator = tf.add(
      tf.div(tf.sqrt(this.#largest(group, square.value, slot)), scalar("root_of_correction2")),
      scalar("eps"),
    );
    const change = tf.div(tf.mul(average.value, scalar("negative_step_size")), denominator);
    param.assign(tf.add(param.value, change));
  }

  /** The second moment to divide by: its maximum so far under amsgrad. */
  #largest(group: ParamGroup, square: Tensor, slot: Update["slot"]): Tensor {
    if (!group.flag("amsgrad")) return square;
    const maximum = slot("max_exp_avg_sq");
    maximum.assign(tf.maximum(maximum.value, square));
    return maximum.value;
  }
}

/** Whether torch's lerp, of weight 1-β1, computes from the start of the interval. */
function nearStart(beta1: number): boolean {
  return Math.fround(1 - beta1) < 0.5;
}
