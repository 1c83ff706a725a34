import { defaultGenerator, normal_, uniform_ } from "./generator.js";
import { randomInput } from "./randomInput.js";
import type { Tensor } from "./tf.js";

/**
 * `torch.randn`: float32 numbers from the standard normal distribution, those that torch draws on the CPU from the same
 * seed. Inside a step, new ones for every batch; tfjs' own `tf.randomNormal` cannot be captured and is refused there.
 */
export function randn(shape: readonly number[]): Tensor {
  return randomInput({ name: "randn", shape, draw: () => normal_(defaultGenerator, sizeOf(shape)) });
}

/** `torch.rand`: float32 numbers, uniform over [0, 1), drawn as `randn` draws. */
export function rand(shape: readonly number[]): Tensor {
  return randomInput({ name: "rand", shape, draw: () => uniform_(defaultGenerator, sizeOf(shape)) });
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
