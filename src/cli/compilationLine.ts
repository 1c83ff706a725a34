import type { Compilation } from "../engine/executor.js";
import { detail } from "../io/details.js";
import { formatFlops, plural } from "./units.js";

/** Compiling that takes longer than this shows. */
export const NOTICED_MILLIS = 200;

/** What `--verbose` tells of every graph. */
export function tellCompilation({ name, graph, milliseconds }: Compilation, flops: number): void {
  detail("graph", () => {
    const size = `${plural(graph.nodes.length, "operator")}, ${formatFlops(flops)}`;
    return `${name}: ${size}, captured and compiled in ${milliseconds.toFixed(0)} ms`;
  });
}

/** What was compiled for which batches, and what one step of it takes. */
export function compilationLine({ name, inputs, milliseconds }: Compilation, flops: number): string {
  const batch = Object.entries(inputs).filter(([input]) => /^batch\b/.test(input));
  const shapes = batch.map(([, { shape }]) => `[${shape.join(", ")}]`).join(", ");
  return `compiled ${name} for ${shapes} in ${(milliseconds / 1000).toFixed(1)} s: ${formatFlops(flops)} per step`;
}
