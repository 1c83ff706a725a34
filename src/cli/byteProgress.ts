import type { TensorAtPath } from "../checkpoint/treePaths.js";
import { durationText } from "../callbacks/progressText.js";
import type { ConsoleStream } from "../io/console.js";
import { printable } from "./printable.js";
import { formatBytes } from "./units.js";

/** A terminal's line is renewed this often, in milliseconds. */
const REDRAW_EVERY = 100;
/** Where lines stay, one is written this often; what is done sooner says nothing. */
const LINE_EVERY = 10_000;

/** How far a walk over tensors' bytes has come, told on stderr: a line that renews itself, or a line now and then. */
export class ByteProgress {
  readonly #what: string;
  readonly #total: number;
  readonly #stream: ConsoleStream;
  #done = 0;
  readonly #began = performance.now();
  #told = this.#began;
  #isDrawn = false;

  /** `total`: so many bytes, or those of so many tensors. */
  constructor(what: string, total: number | readonly TensorAtPath[], stream: ConsoleStream) {
    this.#what = printable(what);
    this.#total = typeof total === "number" ? total : total.reduce((sum, { tensor }) => sum + tensor.byteLength, 0);
    this.#stream = stream;
  }

  /** So many bytes more are done. */
  readonly add = (bytes: number): void => {
    this.#done += bytes;
    const now = performance.now();
    if (now - this.#told < (this.#stream.isTTY ? REDRAW_EVERY : LINE_EVERY)) return;
    this.#told = now;
    const share = Math.floor((100 * this.#done) / Math.max(this.#total, 1));
    const text = `${this.#what} ${share}%  ${formatBytes(this.#done)} of ${formatBytes(this.#total)}  ${this.#pace(now)}`;
    this.#isDrawn = this.#stream.isTTY;
    this.#stream.write(this.#stream.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
  };

  /** How fast it goes, and how long it will take to the end. */
  #pace(now: number): string {
    const perMillisecond = this.#done / Math.max(now - this.#began, 1);
    const left = Math.max(this.#total - this.#done, 0) / Math.max(perMillisecond, 1);
    return `${formatBytes(Math.round(perMillisecond * 1000))}/s  eta ${durationText(left / 1000)}`;
  }

  /** Leave a terminal's line as it was before. */
  end(): void {
    if (this.#isDrawn) this.#stream.write("\r\u001b[K");
  }
}
