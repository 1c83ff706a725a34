import { tf, type Tensor } from "../tensor/tf.js";
import type { Update } from "./optimizer.js";
import type { ParamGroup } from "./paramGroup.js";

/** What of torch's arithmetic several optimizers share: numbers for the host's half, tensor ops for the step's. */

/** The numbers that weight decay takes; none where there is none. */
export function decayScalars(group: ParamGroup): Record<string, number> {
  const decay = group.number("weight_decay");
  if (decay === 0) return {};
  return group.flag("decoupled_weight_decay") ? { shrink: 1 - group.lr * decay } : { weight_decay: decay };
}

/** The gradient to go by: negated under maximize, with the decayed parameter added. Decoupled, it is the parameter that shrinks. */
export function decayedGrad({ param, grad, group, scalar }: Update): Tensor {
  const g = group.flag("maximize") ? tf.neg(grad) : grad;
  if (!group.flag("weight_decay")) return g;
  if (!group.flag("decoupled_weight_decay")) return tf.add(g, tf.mul(param.value, scalar("weight_decay")));
  param.assign(tf.mul(param.value, scalar("shrink")));
  return g;
}

/** The number that lerp takes; its name says from which end torch computes, since that is another graph. */
export function lerpScalars(weight: number): Record<string, number> {
  return isNearStart(weight) ? { lerp_weight: weight } : { lerp_rest: 1 - Math.fround(weight) };
}

/** torch.lerp(start, end, weight): computed from the nearer end. */
export function lerp(start: Tensor, end: Tensor, weight: number, scalar: Update["scalar"]): Tensor {
  const difference = tf.sub(end, start);
  return isNearStart(weight)
    ? tf.add(start, tf.mul(difference, scalar("lerp_weight")))
    : tf.sub(end, tf.mul(difference, scalar("lerp_rest")));
}

function isNearStart(weight: number): boolean {
  return Math.fround(weight) < 0.5;
}

/** The numbers that `squared` takes. */
export function squaredScalars(keep: number): Record<string, number> {
  return { keep, take: 1 - keep };
}

/** An average of squares, one further: average·keep + take·g·g, in torch's order. */
export function squared(average: Tensor, g: Tensor, scalar: Update["scalar"]): Tensor {
  return tf.add(tf.mul(average, scalar("keep")), tf.mul(tf.mul(g, scalar("take")), g));
}

/** t + value·a/b, in torch's order. */
export function addcdiv(t: Tensor, a: Tensor, b: Tensor, value: Tensor): Tensor {
  return tf.add(t, tf.div(tf.mul(a, value), b));
}
