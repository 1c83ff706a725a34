import type { Value } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";

/**
 * Writes one tfjs kernel as ONNX operators. Kernels over a list of tensors get them under "0", "1" …; those that give a
 * list give one, even of a single value.
 */
export type Lowering = (
  b: GraphBuilder,
  inputs: Readonly<Record<string, Value>>,
  attributes: object,
) => Value | readonly Value[];

/** Lowerings by kernel name. */
export type LoweringTable = Readonly<Record<string, Lowering>>;

/* eslint-disable @typescript-eslint/no-unnecessary-type-parameters -- the parameters are what a table says of a kernel */

/**
 * A lowering with the inputs and attributes that tfjs declares for the kernel (its kernel_names.ts): tfjs has checked
 * them before a kernel runs, so they are not checked again.
 */
export function lowering<Inputs extends string, Attributes extends object = object>(
  write: (b: GraphBuilder, inputs: Readonly<Record<Inputs, Value>>, attributes: Attributes) => Value | readonly Value[],
): Lowering {
  return (b, inputs, attributes) => write(b, inputs, attributes as Attributes);
}

/** A lowering of a kernel over a list of tensors. */
export function listLowering<Attributes extends object = object>(
  write: (b: GraphBuilder, inputs: readonly Value[], attributes: Attributes) => Value | readonly Value[],
): Lowering {
  return lowering<string, Attributes>((b, inputs, attributes) => write(b, Object.values(inputs), attributes));
}
