import type { ConsoleStream } from "./console.js";

const CLEAR_TO_END = "\x1b[K";

const lines = new WeakMap<ConsoleStream, LiveLine>();

/** The one live line of a stream: whoever writes there while it is shown goes through it. */
export function liveLineOf(stream: ConsoleStream): LiveLine {
  const known = lines.get(stream);
  if (known !== undefined) return known;
  const made = new LiveLine(stream);
  lines.set(stream, made);
  return made;
}

/** A last line of a terminal that is written over as things go on, below the lines that stay. */
export class LiveLine {
  readonly #stream: ConsoleStream;
  #shown: string | null = null;

  constructor(stream: ConsoleStream) {
    this.#stream = stream;
  }

  get isOpen(): boolean {
    return this.#shown !== null;
  }

  /** Show `text` in place of what was shown: written over first and cleared after, so that nothing flickers. */
  show(text: string): void {
    if (text === this.#shown) return;
    this.#stream.write(`\r${text}${CLEAR_TO_END}`);
    this.#shown = text;
  }

  /** Write lines that stay, above the one that is shown. */
  print(text: string): void {
    const shown = this.#shown;
    this.#stream.write(shown === null ? `${text}\n` : `\r${CLEAR_TO_END}${text}\n${shown}`);
  }

  /** Leave what is shown where it is, and go on below it. */
  end(): void {
    if (this.#shown !== null) this.#stream.write("\n");
    this.#shown = null;
  }
}
