import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";

/** What a program answers to one line. */
type Answer = { readonly answer: unknown } | { readonly error: string };

/**
 * A program that answers one line of JSON with one line of JSON, kept running from the first question to the end of the
 * test file: starting it takes longer than most answers.
 */
export class LiveProcess {
  readonly #command: string;
  readonly #args: readonly string[];
  #child: ChildProcessWithoutNullStreams | null = null;
  #lines: Interface | null = null;
  #stderr = "";
  #before: Promise<unknown> = Promise.resolve();

  /** To be made where tests are declared: it ends with the file's last test. */
  constructor(command: string, args: readonly string[]) {
    this.#command = command;
    this.#args = args;
    afterAll(() => this.#end());
  }

  /** Ask, after whatever was asked before; an error that the program tells is thrown. */
  ask(request: object): Promise<unknown> {
    const asked = this.#before.then(() => this.#ask(request));
    this.#before = asked.catch(() => undefined);
    return asked;
  }

  async #ask(request: object): Promise<unknown> {
    const { child, lines } = this.#start();
    const gone = new AbortController();
    const failed = once(child, "exit", { signal: gone.signal }).then(([code]: unknown[]) => {
      throw new Error(`${this.#command} ended with ${String(code)}\n${this.#stderr}`);
    });
    failed.catch(() => undefined);
    child.stdin.write(`${JSON.stringify(request)}\n`);
    try {
      const [line] = (await Promise.race([once(lines, "line"), failed])) as [string];
      const answer = JSON.parse(line) as Answer;
      if ("error" in answer) throw new Error(answer.error);
      return answer.answer;
    } finally {
      gone.abort();
    }
  }

  #start(): { child: ChildProcessWithoutNullStreams; lines: Interface } {
    this.#child ??= spawn(this.#command, this.#args, {
      env: {
        ...process.env,
        CUDA_VISIBLE_DEVICES: "",
        PYTHONDONTWRITEBYTECODE: "1",
        NO_COLOR: "1",
        FORCE_COLOR: undefined,
      },
    });
    if (this.#lines === null) {
      this.#lines = createInterface({ input: this.#child.stdout });
      this.#child.stderr.on("data", (text: Buffer) => {
        this.#stderr = (this.#stderr + text.toString()).slice(-4000);
      });
    }
    return { child: this.#child, lines: this.#lines };
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.stdin.end();
    await ended;
  }
}
