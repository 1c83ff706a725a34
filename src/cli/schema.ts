import { configSchema } from "../config/configSchema.js";
import type { Terminal } from "../io/console.js";

/** `ltrain schema`: the JSON Schema of a config, for editors and machines. Gives the exit code. */
export function runSchema(terminal: Terminal): number {
  terminal.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`);
  return 0;
}
