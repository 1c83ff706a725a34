import { PyFloat, PyTuple, type PyValue } from "../pickle/values.js";
import { tf } from "../tensor/tf.js";
import { decayedGrad, decayScalars, lerp, lerpScalars, squared, squaredScalars } from "./arithmetic.js";
import { requireAtLeastZero, requireBetas } from "./checks.js";
import { Optimizer, type Update } from "./optimizer.js";
import type { ParamGroup, Params } from "./paramGroup.js";
import type { ParamState } from "./paramState.js";

/** torch.optim.RAdam's options; `foreach`, `capturable` and `differentiable` only travel with the state. */
export interface RAdamOptions {
  readonly lr?: number;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly weightDecay?: number;
  readonly decoupledWeightDecay?: boolean;
  readonly foreach?: boolean | null;
  readonly maximize?: boolean;
  readonly capturable?: boolean;
  readonly differentiable?: boolean;
}

const DEFAULTS: ReadonlyMap<string, PyValue> = new Map<string, PyValue>([
  ["lr", new PyFloat(1e-3)],
  ["betas", new PyTuple([new PyFloat(0.9), new PyFloat(0.999)])],
  ["eps", new PyFloat(1e-8)],
  ["weight_decay", 0],
  ["maximize", false],
  ["foreach", null],
  ["capturable", false],
  ["decoupled_weight_decay", false],
  ["differentiable", false],
]);

/** torch.optim.RAdam: Adam that goes by the first moment alone until the variance of the second can be told. */
export class RAdam extends Optimizer {
  constructor(params: Params<RAdamOptions>, options: RAdamOptions = {}) {
    super(params, options, DEFAULTS);
  }

  protected override check(group: ParamGroup): void {
    requireAtLeastZero("RAdam", group, ["lr", "eps", "weight_decay"]);
    requireBetas("RAdam", group);
  }

  protected override slotNames(): readonly string[] {
    return ["exp_avg", "exp_avg_sq"];
  }

  /** The first few updates take neither `eps` nor `rectification`: they are another graph. */
  protected override scalars(group: ParamGroup, { step }: Readonly<ParamState>): Record<string, number> {
    const [beta1, beta2] = group.pair("betas");
    const t = step + 1;
    const correction2 = 1 - beta2 ** t;
    const rhoInf = 2 / (1 - beta2) - 1;
    const rho = rhoInf - (2 * t * beta2 ** t) / correction2;
    const ratio = ((rho - 4) * (rho - 2) * rhoInf) / ((rhoInf - 4) * (rhoInf - 2) * rho);
    return {
      ...decayScalars(group),
      ...lerpScalars(1 - beta1),
      ...squaredScalars(beta2),
      correction1: 1 - beta1 ** t,
      lr: group.lr,
      ...(rho > 5 && {
        eps: group.number("eps"),
        root_of_correction2: correction2 ** 0.5,
        rectification: ratio ** 0.5,
      }),
    };
  }

  protected override update(update: Update): void {
    const { param, group, scalar, slot, has } = update;
    const g = decayedGrad(update);
    const average = slot("exp_avg");
    average.assign(lerp(average.value, g, 1 - group.pair("betas")[0], scalar));
    const square = slot("exp_avg_sq");
    square.assign(squared(square.value, g, scalar));
    let change = tf.mul(tf.div(average.value, scalar("correction1")), scalar("lr"));
    if (has("rectification")) {
      const root = tf.add(tf.sqrt(square.value), scalar("eps"));
      change = tf.mul(tf.mul(change, tf.div(scalar("root_of_correction2"), root)), scalar("rectification"));
    }
    param.assign(tf.sub(param.value, change));
  }
}
