import type { Command } from "commander";
import type { Terminal } from "../io/console.js";

/** `ltrain schema`. */
export function addSchema(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  program
    .command("schema")
    .description("print the JSON Schema of a config, or of what a command prints under --json (docs/json.md)")
    .argument("[name]", "config, or an output: train, inspect, verify, ...", "config")
    .option("--json", "as without it: a schema is JSON", false)
    .action(async (name: string) => {
      const { runSchema } = await import("./schema.js");
      done(runSchema(name, terminal));
    });
}

/** `ltrain init`. */
export function addInit(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  program
    .command("init")
    .description("write a small project that trains at once: a config, a module, a data module")
    .argument("[folder]", "where to; without it, this folder", ".")
    .option("--json", "what was written as one JSON object", false)
    .action(async (folder: string, { json }: { readonly json: boolean }) => {
      const { runInit } = await import("./init.js");
      done(await runInit({ folder, json, version: program.version() ?? "" }, terminal));
    });
}

/** `ltrain completion`; `whole` makes the program with every command, of which the scripts are made. */
export function addCompletion(
  program: Command,
  terminal: Terminal,
  done: (exitCode: number) => void,
  whole: () => Command,
): void {
  program
    .command("completion")
    .description("print the script by which bash, zsh or fish complete ltrain's commands and options")
    .argument("<shell>", "bash, zsh or fish")
    .option("--json", "the script as a member of one JSON object", false)
    .action(async (shell: string, { json }: { readonly json: boolean }) => {
      const { runCompletion } = await import("./completion.js");
      done(runCompletion({ shell, json }, whole(), terminal));
    });
}
