import type { Compilation } from "../engine/executor.js";
import { formatFlops } from "./units.js";

/** Compiling that takes longer than this shows. */
export const NOTICED_MILLIS = 200;

/** What was compiled for which batches, and what one step of it takes. */
export function compilationLine({ name, inputs, milliseconds }: Compilation, flops: number): string {
  const batch = Object.entries(inputs).filter(([input]) => /^batch\b/.test(input));
  const shapes = batch.map(([, { shape }]) => `[${shape.join(", ")}]`).join(", ");
  return `compiled ${name} for ${shapes} in ${(milliseconds / 1000).toFixed(1)} s: ${formatFlops(flops)} per step`;
}
