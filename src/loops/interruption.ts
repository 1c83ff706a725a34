/** Turns of the microtask queue within which a batch that waits for nothing is there. */
const QUICK_TURNS = 32;

/** Somebody's wish to end training as soon as nothing is lost by it; loops look for it wherever they wait. */
export class Interruption {
  #reason: string | null = null;
  #wake: (() => void) | null = null;

  /** Who asked, in a word; null while nobody has. */
  get reason(): string | null {
    return this.#reason;
  }
  get isAsked(): boolean {
    return this.#reason !== null;
  }

  /** Ask; the first one who does is remembered. */
  ask(reason: string): void {
    this.#reason ??= reason;
    this.#wake?.();
  }

  /**
   * What `pending` gives, or null when the wish comes first: what is still under way then is left alone. One wait at a
   * time.
   */
  async orNull<T>(pending: Promise<T>): Promise<T | null> {
    const state = { isSettled: false };
    const settle = (): void => {
      state.isSettled = true;
    };
    pending.then(settle, settle); // whoever has stopped waiting wants to hear no more of it
    if (this.isAsked) return null;
    // What is there at once is given at once: a wait is remembered here, in an object as old as the run, and what is
    // reached from there outlives the collector's quick rounds. For every batch that costs a quarter of the speed.
    for (let turn = 0; turn < QUICK_TURNS && !state.isSettled; turn += 1) await Promise.resolve();
    return state.isSettled ? pending : this.#wait(pending);
  }

  async #wait<T>(pending: Promise<T>): Promise<T | null> {
    // Not Promise.race with one promise for the whole run: it would keep every batch it was raced against.
    const asked = new Promise<null>((resolve) => {
      this.#wake = () => {
        resolve(null);
      };
    });
    try {
      return await Promise.race([pending, asked]);
    } finally {
      this.#wake = null;
    }
  }
}
