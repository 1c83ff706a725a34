import type { Compilation } from "../engine/executor.js";

/** Compiling that takes longer than this shows. */
const NOTICED_MILLIS = 200;

/** "compiled predictStep for [32, 784] in 0.5 s"; null for what nobody has waited for. */
export function compilationLine({ name, inputs, milliseconds }: Compilation): string | null {
  if (milliseconds < NOTICED_MILLIS) return null;
  const batch = Object.entries(inputs).filter(([input]) => /^batch\b/.test(input));
  const shapes = batch.map(([, { shape }]) => `[${shape.join(", ")}]`).join(", ");
  return `compiled ${name} for ${shapes} in ${(milliseconds / 1000).toFixed(1)} s`;
}
