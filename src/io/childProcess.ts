import { execFile } from "node:child_process";

/** How a program ended and what it said. */
export interface ChildResult {
  /** null where it was ended by a signal, or did not start. */
  readonly exitCode: number | null;
  /** What ended it: SIGABRT, SIGSEGV ... */
  readonly signal: string | null;
  /** There is no such program. */
  readonly missing: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a child may be given beside its arguments. */
export interface ChildOptions {
  /** Variables on top of this process's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** After this it is ended. */
  readonly timeoutMs?: number;
}

/** Enough for whatever a driver says of itself. */
const MAX_OUTPUT_BYTES = 16_000_000;

/** Run a program to its end. It never throws: what went wrong is in the result. */
export function runProgram(program: string, args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
  return new Promise((resolve) => {
    execFile(
      program,
      [...args],
      {
        env: { ...process.env, ...options.environment },
        timeout: options.timeoutMs ?? 0,
        maxBuffer: MAX_OUTPUT_BYTES,
        windowsHide: true,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : (error.code as number | string | undefined);
        const exitCode = typeof code === "number" ? code : null;
        resolve({ exitCode, signal: error?.signal ?? null, missing: code === "ENOENT", stdout, stderr });
      },
    );
  });
}

/**
 * Run JavaScript (CommonJS) in a Node of its own: a native library that ends its process ends only that one. The code
 * finds its arguments under `args`, and `tell` writes a line to stdout.
 */
export function runNode(code: string, args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
  return runProgram(process.execPath, ["--input-type=commonjs", "-e", `${PRELUDE}${code}`, "--", ...args], options);
}

const PRELUDE = `const args = process.argv.slice(1);
const tell = (line) => process.stdout.write(line + "\\n");
`;
