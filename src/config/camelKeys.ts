import type { InitArgs } from "./classEntry.js";

/** YAML's every_n_epochs is everyNEpochs in TypeScript; the schema has looked at every value. */
export function camelKeys(args: InitArgs): Record<string, never> {
  const entries = Object.entries(args).map(([key, value]) => [
    key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(entries) as Record<string, never>;
}
