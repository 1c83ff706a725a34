import { LtrainError } from "../errors.js";
import { PyFloat, type PyValue } from "../pickle/values.js";
import { tf } from "../tensor/tf.js";
import { decayedGrad, decayScalars } from "./arithmetic.js";
import { requireAtLeastZero } from "./checks.js";
import { Optimizer, type Update } from "./optimizer.js";
import type { ParamGroup, Params } from "./paramGroup.js";
import type { ParamState } from "./paramState.js";

/** torch.optim.SGD's options; `foreach`, `differentiable` and `fused` only travel with the state. */
export interface SGDOptions {
  readonly lr?: number;
  readonly momentum?: number;
  readonly dampening?: number;
  readonly weightDecay?: number;
  readonly nesterov?: boolean;
  readonly maximize?: boolean;
  readonly foreach?: boolean | null;
  readonly differentiable?: boolean;
  readonly fused?: boolean | null;
}

const DEFAULTS: ReadonlyMap<string, PyValue> = new Map<string, PyValue>([
  ["lr", new PyFloat(1e-3)],
  ["momentum", 0],
  ["dampening", 0],
  ["weight_decay", 0],
  ["nesterov", false],
  ["maximize", false],
  ["foreach", null],
  ["differentiable", false],
  ["fused", null],
]);

/** torch.optim.SGD: with momentum, Nesterov's or plain, dampening and weight decay. */
export class SGD extends Optimizer {
  constructor(params: Params<SGDOptions>, options: SGDOptions = {}) {
    super(params, options, DEFAULTS);
  }

  protected override get countsSteps(): boolean {
    return false;
  }

  protected override check(group: ParamGroup): void {
    requireAtLeastZero("SGD", group, ["lr", "momentum", "weight_decay"]);
    if (group.flag("nesterov") && (group.number("momentum") <= 0 || group.number("dampening") !== 0)) {
      throw new LtrainError("argument.invalid", "Nesterov momentum needs momentum above 0 and dampening 0");
    }
  }

  protected override slotNames(group: ParamGroup): readonly string[] {
    return group.flag("momentum") ? ["momentum_buffer"] : [];
  }

  protected override cohortOf(step: number): number {
    return Math.min(step, 1);
  }

  protected override scalars(group: ParamGroup, { step }: Readonly<ParamState>): Record<string, number> {
    const momentum = group.number("momentum");
    return {
      negative_lr: -group.lr,
      ...decayScalars(group),
      // The first buffer is the gradient itself, without dampening: the same sum with other factors, so that the first
      // step is the same graph as the others.
      ...(momentum !== 0 && {
        keep: step === 0 ? 0 : momentum,
        take: step === 0 ? 1 : 1 - group.number("dampening"),
      }),
      ...(group.flag("nesterov") && { momentum }),
    };
  }

  protected override update(update: Update): void {
    const { param, group, scalar, slot } = update;
    let g = decayedGrad(update);
    if (group.flag("momentum")) {
      const buffer = slot("momentum_buffer", -0); // adding -0 leaves every first gradient as it is, a -0 too
      buffer.assign(tf.add(tf.mul(buffer.value, scalar("keep")), tf.mul(g, scalar("take"))));
      g = group.flag("nesterov") ? tf.add(g, tf.mul(buffer.value, scalar("momentum"))) : buffer.value;
    }
    param.assign(tf.add(param.value, tf.mul(g, scalar("negative_lr"))));
  }
}
