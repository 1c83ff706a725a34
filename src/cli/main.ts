import { CommanderError } from "commander";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { processTerminal } from "../io/console.js";
import { createProgram, isCommand, packageVersion } from "./program.js";
import { reportError, UNEXPECTED_EXIT_CODE } from "./reportError.js";
import { isSignalled } from "./signals.js";
import { endOnStrayFailure } from "./strayFailure.js";
import { mutedTerminal, tellDetails, verbosityOf } from "./verbosity.js";

/**
 * Run the command line `argv` (with node and script in front) and set the process's exit code: the only place that
 * does. Under --json a failure is one JSON object on stderr.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const color = argv.includes("--no-color") ? false : argv.includes("--color") ? true : undefined;
  // Node ends when nothing is left to wait for, also when that never came: it must not look like success.
  process.exitCode = UNEXPECTED_EXIT_CODE;
  const terminal = processTerminal(color);
  const args = argv.slice(2);
  const told = { json: args.includes("--json"), debug: args.includes("--debug") };
  endOnStrayFailure((error) => reportError(error, terminal, told));
  const code = await run(argv, terminal);
  process.exitCode = code;
  if (!isSignalled(code)) return;
  // Whatever the user's code still waits for, a batch, a timer, a connection: somebody wants this process to be gone.
  for (const stream of [terminal.stdout, terminal.stderr]) await stream.drained();
  process.exit(code);
}

/** The exit code of a command line; everything is said through `terminal`. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const args = argv.slice(2).map(withDashes);
  const json = args.includes("--json");
  const debug = args.includes("--debug");
  const verbosity = verbosityOf(args);
  const tellEnd = verbosity === "verbose" ? tellDetails(terminal, packageVersion()) : null;
  const failure = (error: unknown): number =>
    reportError(error instanceof CommanderError ? usageError(error, args[0] ?? "") : error, terminal, { json, debug });
  const code = await runCommand(args, verbosity === "quiet" ? mutedTerminal(terminal) : terminal, failure);
  tellEnd?.(code);
  return code;
}

async function runCommand(
  args: readonly string[],
  terminal: Terminal,
  failure: (error: unknown) => number,
): Promise<number> {
  let exitCode = 0;
  const done = (code: number): void => {
    exitCode = code;
  };
  const program = createProgram(terminal, done, args[0]);
  try {
    if (args.length === 0) {
      program.outputHelp({ error: true });
      return 2;
    }
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // help and version are answers
    return failure(error);
  }
}

/** Lightning writes `--ckpt_path` and `--seed_everything`; both spellings are ours. Keys of the config stay as they are. */
function withDashes(token: string): string {
  const match = /^(--(?:ckpt_path|seed_everything|print_config|strip_prefix))(=.*)?$/s.exec(token);
  return match === null ? token : `${(match[1] ?? "").replaceAll("_", "-")}${match[2] ?? ""}`;
}

/** commander's message is "error: ..." with its suggestion, if any, on the next line. */
function usageError(error: CommanderError, word: string): LtrainError {
  const [message = "", suggestion] = error.message.split("\n");
  const hint =
    suggestion?.replace(/^\((.*)\)$/, "$1").replace(/^Did/, "did") ??
    `see ltrain ${isCommand(word) ? `${word} ` : ""}--help`;
  return new LtrainError("usage.invalid", message.replace(/^error: /, ""), { hint });
}
