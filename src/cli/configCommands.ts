import type { Command } from "commander";
import type { Terminal } from "../io/console.js";

/** `ltrain schema`. */
export function addSchema(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  program
    .command("schema")
    .description("print the JSON Schema of a config: every key and built-in class, with defaults and docs")
    .action(async () => {
      const { runSchema } = await import("./schema.js");
      done(runSchema(terminal));
    });
}
