import { assembleBatch, flattenBatch } from "../core/batch.js";
import type { LightningModule } from "../core/lightningModule.js";
import { captureStep } from "../engine/capture.js";
import { countNodeFlops } from "../engine/countFlops.js";
import type { Node, TensorSpec } from "../engine/graph.js";
import { computeType } from "../engine/hostValues.js";
import { LtrainError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { tf, type Tensor } from "../tensor/tf.js";

/** What one module is given and gives, and what it computes, for the example input. */
export interface LayerTrace {
  /** As Lightning writes sizes: "[10, 256]"; of the first call. */
  readonly inSize: string;
  readonly outSize: string;
  /** Floating point operations of all calls. */
  readonly flops: number;
}

/** The example input on its way through a module and all its parts. */
export interface ModuleTrace {
  readonly layers: ReadonlyMap<Module, LayerTrace>;
  readonly flops: number;
}

/** What a module does not say. */
export const UNKNOWN_SIZE = "?";

type Forward = (...args: readonly unknown[]) => unknown;

/**
 * Send the example input's shapes through a module in evaluation mode, and hear what every part of it is given and gives;
 * nothing is computed. null where the module has no example input.
 */
export function traceLayers(module: LightningModule): ModuleTrace | null {
  const { exampleInputArray: example } = module;
  if (example === null) return null;
  const modules = module.namedModules().map(([, part]) => part);
  const modes = modules.map((part) => [part, part.training] as const);
  const layers = new Map<Module, LayerTrace>();
  let nodes: readonly Node[] = [];
  const restore = modules.slice(1).map((part) => watchForward(part, () => nodes, layers));
  module.eval();
  try {
    const flat = flattenBatch(example);
    const specs = Object.entries(flat.inputs).map(([name, { dtype, shape }]): [string, TensorSpec] => [
      name,
      { dtype: computeType(dtype), shape },
    ]);
    const step = (inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> => {
      const input = assembleBatch(flat.tree, inputs);
      forwardOf(module)(...(Array.isArray(input) ? (input as readonly unknown[]) : [input]));
      return {};
    };
    const watch = (written: readonly Node[]): void => {
      nodes = written;
    };
    captureStep(step, Object.fromEntries(specs), { watch });
    return { layers, flops: countNodeFlops(nodes) };
  } finally {
    for (const giveBack of restore) giveBack();
    for (const [part, training] of modes) part.training = training;
  }
}

function forwardOf(module: LightningModule): Forward {
  const { forward } = module as { readonly forward?: Forward };
  if (forward !== undefined) return forward.bind(module);
  throw new LtrainError(
    "config.invalid",
    `${module.constructor.name} has an exampleInputArray and no forward to give it to`,
  );
}

/** Put a forward that listens in front of a module's own, until the function that this gives is called. */
function watchForward(part: Module, nodes: () => readonly Node[], layers: Map<Module, LayerTrace>): () => void {
  const own = Object.getOwnPropertyDescriptor(part, "forward");
  const { forward } = part as { readonly forward?: Forward };
  if (forward === undefined) return () => undefined;
  const listening = (...args: readonly unknown[]): unknown => {
    const start = nodes().length;
    const result = forward.apply(part, [...args]);
    const flops = countNodeFlops(nodes().slice(start));
    const known = layers.get(part);
    layers.set(part, {
      inSize: known?.inSize ?? sizeText(args.length === 1 ? args[0] : args),
      outSize: known?.outSize ?? sizeText(result),
      flops: (known?.flops ?? 0) + flops,
    });
    return result;
  };
  Object.defineProperty(part, "forward", { value: listening, configurable: true, enumerable: false });
  return () => {
    if (own === undefined) Reflect.deleteProperty(part, "forward");
    else Object.defineProperty(part, "forward", own);
  };
}

/** Shapes in lists, as Lightning's parse_batch_shape finds them and Python prints them. */
function sizeText(value: unknown): string {
  const inner = (each: unknown): string => {
    if (isTensor(each)) return `[${each.shape.join(", ")}]`;
    return Array.isArray(each) ? `[${each.map(inner).join(", ")}]` : `'${UNKNOWN_SIZE}'`;
  };
  return isTensor(value) || Array.isArray(value) ? inner(value) : UNKNOWN_SIZE;
}

function isTensor(value: unknown): value is Tensor {
  return value instanceof tf.Tensor;
}
