import { PyFloat, type PyValue } from "../pickle/values.js";
import { tf } from "../tensor/tf.js";
import { addcdiv, decayedGrad, decayScalars } from "./arithmetic.js";
import { requireAtLeastZero } from "./checks.js";
import { Optimizer, type Update } from "./optimizer.js";
import type { ParamGroup, Params } from "./paramGroup.js";
import type { ParamState } from "./paramState.js";

/** torch.optim.Adagrad's options; `foreach`, `differentiable` and `fused` only travel with the state. */
export interface AdagradOptions {
  readonly lr?: number;
  readonly lrDecay?: number;
  readonly weightDecay?: number;
  readonly initialAccumulatorValue?: number;
  readonly eps?: number;
  readonly foreach?: boolean | null;
  readonly maximize?: boolean;
  readonly differentiable?: boolean;
  readonly fused?: boolean | null;
}

const DEFAULTS: ReadonlyMap<string, PyValue> = new Map<string, PyValue>([
  ["lr", new PyFloat(1e-2)],
  ["lr_decay", 0],
  ["eps", new PyFloat(1e-10)],
  ["weight_decay", 0],
  ["initial_accumulator_value", 0],
  ["foreach", null],
  ["maximize", false],
  ["differentiable", false],
  ["fused", null],
]);

/** torch.optim.Adagrad: its sums are there from construction on, for frozen parameters too. */
export class Adagrad extends Optimizer {
  readonly #initial: number;

  constructor(params: Params<AdagradOptions>, options: AdagradOptions = {}) {
    super(params, options, DEFAULTS);
    this.#initial = options.initialAccumulatorValue ?? 0; // as in torch, a group's own value is not asked
    for (const { params: members } of this.paramGroups) {
      for (const param of members) this.startSlot(param, "sum", this.#initial);
    }
  }

  protected override get hasStateFromStart(): boolean {
    return true;
  }

  protected override check(group: ParamGroup): void {
    requireAtLeastZero("Adagrad", group, ["lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"]);
  }

  protected override slotNames(): readonly string[] {
    return ["sum"];
  }

  protected override scalars(group: ParamGroup, { step }: Readonly<ParamState>): Record<string, number> {
    return {
      ...decayScalars(group),
      eps: group.number("eps"),
      negative_lr: -(group.lr / (1 + step * group.number("lr_decay"))),
    };
  }

  protected override update(update: Update): void {
    const { param, scalar, slot } = update;
    const g = decayedGrad(update);
    const sum = slot("sum", this.#initial);
    sum.assign(tf.add(sum.value, tf.mul(g, g)));
    const denominator = tf.add(tf.sqrt(sum.value), scalar("eps"));
    param.assign(addcdiv(param.value, g, denominator, scalar("negative_lr")));
  }
}
