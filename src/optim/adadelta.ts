import { LtrainError } from "../errors.js";
import { PyFloat, type PyValue } from "../pickle/values.js";
import { tf } from "../tensor/tf.js";
import { decayedGrad, decayScalars, squared, squaredScalars } from "./arithmetic.js";
import { requireAtLeastZero } from "./checks.js";
import { Optimizer, type Update } from "./optimizer.js";
import type { ParamGroup, Params } from "./paramGroup.js";

/** torch.optim.Adadelta's options; `foreach`, `capturable` and `differentiable` only travel with the state. */
export interface AdadeltaOptions {
  readonly lr?: number;
  readonly rho?: number;
  readonly eps?: number;
  readonly weightDecay?: number;
  readonly foreach?: boolean | null;
  readonly capturable?: boolean;
  readonly maximize?: boolean;
  readonly differentiable?: boolean;
}

const DEFAULTS: ReadonlyMap<string, PyValue> = new Map<string, PyValue>([
  ["lr", new PyFloat(1)],
  ["rho", new PyFloat(0.9)],
  ["eps", new PyFloat(1e-6)],
  ["weight_decay", 0],
  ["maximize", false],
  ["capturable", false],
  ["foreach", null],
  ["differentiable", false],
]);

/** torch.optim.Adadelta: eps is added under both roots. */
export class Adadelta extends Optimizer {
  constructor(params: Params<AdadeltaOptions>, options: AdadeltaOptions = {}) {
    super(params, options, DEFAULTS);
  }

  protected override check(group: ParamGroup): void {
    requireAtLeastZero("Adadelta", group, ["lr", "rho", "eps", "weight_decay"]);
    if (group.number("rho") <= 1) return;
    throw new LtrainError("argument.invalid", `Adadelta's rho is at most 1, got ${group.number("rho")}`);
  }

  protected override slotNames(): readonly string[] {
    return ["square_avg", "acc_delta"];
  }

  protected override scalars(group: ParamGroup): Record<string, number> {
    return {
      ...decayScalars(group),
      ...squaredScalars(group.number("rho")),
      eps: group.number("eps"),
      negative_lr: -group.lr,
    };
  }

  protected override update(update: Update): void {
    const { param, scalar, slot } = update;
    const g = decayedGrad(update);
    const square = slot("square_avg");
    const deltas = slot("acc_delta");
    square.assign(squared(square.value, g, scalar));
    const deviation = tf.sqrt(tf.add(square.value, scalar("eps")));
    const delta = tf.mul(tf.div(tf.sqrt(tf.add(deltas.value, scalar("eps"))), deviation), g);
    deltas.assign(squared(deltas.value, delta, scalar));
    param.assign(tf.add(param.value, tf.mul(delta, scalar("negative_lr"))));
  }
}
