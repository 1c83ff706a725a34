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
    .action(async (shell: string) => {
      const { runCompletion } = await import("./completion.js");
      done(runCompletion(shell, whole(), terminal));
    });
}
