import { LtrainError } from "../errors.js";
import type { Tensor } from "../tensor/tf.js";

/** A tensor's shape as messages show it: `[32, 784]`. */
export function shapeOf(x: Pick<Tensor, "shape">): string {
  return `[${x.shape.join(", ")}]`;
}

/** Refuse a tensor whose last axis is not as long as a layer's weight is wide: a reshape might hide it. */
export function requireFeatures(x: Tensor, features: number, layer: string): void {
  if (x.rank > 0 && x.shape.at(-1) === features) return;
  throw new LtrainError("argument.invalid", `${layer} takes [..., ${features}], got ${shapeOf(x)}`);
}

/** Refuse a tensor whose last axes are not `shape`: sizes of 1 would broadcast, and be taken for something else. */
export function requireTrailing(x: Tensor, shape: readonly number[], what: string): void {
  const first = x.rank - shape.length;
  if (first >= 0 && shape.every((size, i) => size === x.shape[first + i])) return;
  throw new LtrainError(
    "argument.invalid",
    `${what} over [${shape.join(", ")}] takes a tensor that ends in it, got ${shapeOf(x)}`,
  );
}

/** Refuse a tensor [N, C, ...] with another number of channels than a layer has numbers for. */
export function requireChannels(x: Tensor, channels: number | undefined, layer: string): void {
  if (channels === undefined || x.shape[1] === channels) return;
  throw new LtrainError("argument.invalid", `${layer} takes [N, ${channels}, ...], got ${shapeOf(x)}`);
}

/** Refuse a window that is larger than the padded height or width that it moves over. */
export function requireWindow(
  x: Tensor,
  window: readonly number[],
  padding: readonly (readonly [number, number])[],
  what: string,
): void {
  const padded = x.shape.slice(2).map((length, axis) => length + (padding[axis] ?? [0, 0]).reduce((a, b) => a + b));
  if (padded.every((length, axis) => length >= (window[axis] ?? 1))) return;
  throw new LtrainError(
    "argument.invalid",
    `${what} of [${window.join(", ")}] is larger than its padded input of [${padded.join(", ")}], got ${shapeOf(x)}`,
  );
}
