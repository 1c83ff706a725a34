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
    pending.catch(() => undefined); // whoever has stopped waiting wants to hear no more of it
    if (this.isAsked) return null;
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
