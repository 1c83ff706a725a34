import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { jsonDocument } from "./jsonWriter.js";
import { printableLines } from "./printable.js";

/** How a failure is to be told. */
export interface ReportOptions {
  /** One JSON object `{error: {code, message, hint}}` instead of lines. */
  readonly json: boolean;
  /** Show the stack of a failure, too. */
  readonly debug: boolean;
}

/** sysexits' EX_SOFTWARE: the failure is ours. */
export const UNEXPECTED_EXIT_CODE = 70;

/** Tell a failure on stderr, once, and say with which code the process should end. */
export function reportError(error: unknown, terminal: Terminal, options: ReportOptions): number {
  const { code, message, hint, exitCode } = understand(error);
  if (options.json) {
    terminal.stderr.write(jsonDocument({ error: { code, message, hint: hint ?? null } }));
  } else {
    terminal.stderr.write(`error: ${printableLines(message)}\n`);
    if (hint !== undefined) terminal.stderr.write(`hint:  ${printableLines(hint)}\n`);
  }
  if (options.debug) terminal.stderr.write(`${printableLines(stackOf(error))}\n`);
  return exitCode;
}

interface Understood {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly exitCode: number;
}

function understand(error: unknown): Understood {
  if (error instanceof LtrainError) {
    return { code: error.code, message: error.message, hint: error.hint, exitCode: error.exitCode };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    code: "internal.unexpected",
    message: `unexpected ${message.split("\n", 1)[0] ?? ""}`,
    hint: "this is a fault of ltrain; run again with --debug to see where it happened",
    exitCode: UNEXPECTED_EXIT_CODE,
  };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stack = error.stack ?? String(error);
  return error.cause === undefined ? stack : `${stack}\ncaused by: ${stackOf(error.cause)}`;
}
