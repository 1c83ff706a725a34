import { PyFloat, type PyValue } from "../pickle/values.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { addcdiv, decayedGrad, decayScalars, lerp, lerpScalars, squared, squaredScalars } from "./arithmetic.js";
import { requireAtLeastZero } from "./checks.js";
import { Optimizer, type Update } from "./optimizer.js";
import type { ParamGroup, Params } from "./paramGroup.js";

/** torch.optim.RMSprop's options; `foreach`, `capturable` and `differentiable` only travel with the state. */
export interface RMSpropOptions {
  readonly lr?: number;
  readonly alpha?: number;
  readonly eps?: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
  readonly centered?: boolean;
  readonly capturable?: boolean;
  readonly foreach?: boolean | null;
  readonly maximize?: boolean;
  readonly differentiable?: boolean;
}

const DEFAULTS: ReadonlyMap<string, PyValue> = new Map<string, PyValue>([
  ["lr", new PyFloat(1e-2)],
  ["momentum", 0],
  ["alpha", new PyFloat(0.99)],
  ["eps", new PyFloat(1e-8)],
  ["centered", false],
  ["weight_decay", 0],
  ["capturable", false],
  ["foreach", null],
  ["maximize", false],
  ["differentiable", false],
]);

/** torch.optim.RMSprop: eps is added outside the root; centered divides by the gradient's standard deviation. */
export class RMSprop extends Optimizer {
  constructor(params: Params<RMSpropOptions>, options: RMSpropOptions = {}) {
    super(params, options, DEFAULTS);
  }

  protected override check(group: ParamGroup): void {
    requireAtLeastZero("RMSprop", group, ["lr", "eps", "momentum", "weight_decay", "alpha"]);
  }

  protected override slotNames(group: ParamGroup): readonly string[] {
    return [
      "square_avg",
      ...(group.flag("momentum") ? ["momentum_buffer"] : []),
      ...(group.flag("centered") ? ["grad_avg"] : []),
    ];
  }

  protected override scalars(group: ParamGroup): Record<string, number> {
    const alpha = group.number("alpha");
    return {
      ...decayScalars(group),
      ...squaredScalars(alpha),
      ...(group.flag("centered") && lerpScalars(1 - alpha)),
      eps: group.number("eps"),
      ...(group.flag("momentum") && { momentum: group.number("momentum") }),
      negative_lr: -group.lr,
    };
  }

  protected override update(update: Update): void {
    const { param, group, scalar, slot } = update;
    const g = decayedGrad(update);
    const square = slot("square_avg");
    square.assign(squared(square.value, g, scalar));
    // Made now, so that it stands before grad_avg in the state, as in torch's.
    const buffer = group.flag("momentum") ? slot("momentum_buffer") : null;
    const denominator = tf.add(tf.sqrt(this.#variance(update, g, square.value)), scalar("eps"));
    if (buffer === null) {
      param.assign(addcdiv(param.value, g, denominator, scalar("negative_lr")));
      return;
    }
    buffer.assign(tf.add(tf.mul(buffer.value, scalar("momentum")), tf.div(g, denominator)));
    param.assign(tf.add(param.value, tf.mul(buffer.value, scalar("negative_lr"))));
  }

  /** The average of squares; centered, less the square of the average. */
  #variance({ group, scalar, slot }: Update, g: Tensor, square: Tensor): Tensor {
    if (!group.flag("centered")) return square;
    const average = slot("grad_avg");
    average.assign(lerp(average.value, g, 1 - group.number("alpha"), scalar));
    return tf.sub(square, tf.mul(average.value, average.value));
  }
}
