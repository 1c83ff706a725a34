import { configSchema } from "../config/configSchema.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { didYouMean } from "../nearest.js";
import { JSON_OUTPUTS, jsonOutputSchema } from "./jsonSchemas/index.js";

/** `ltrain schema [NAME]`: the JSON Schema of a config, or of what a command prints under --json. Gives the exit code. */
export function runSchema(name: string, terminal: Terminal): number {
  terminal.stdout.write(`${JSON.stringify(schemaNamed(name), null, 2)}\n`);
  return 0;
}

function schemaNamed(name: string): object {
  if (name === "config") return configSchema();
  const output = Object.hasOwn(JSON_OUTPUTS, name) ? JSON_OUTPUTS[name] : undefined;
  if (output !== undefined) return jsonOutputSchema(output);
  const names = ["config", ...Object.keys(JSON_OUTPUTS)];
  throw new LtrainError("usage.invalid", `there is no schema "${name}"`, {
    hint: [didYouMean(name, names), `there are ${names.join(", ")}`].filter(Boolean).join(" "),
  });
}
