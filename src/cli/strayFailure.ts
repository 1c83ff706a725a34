import { LtrainError } from "../errors.js";

/**
 * What fails outside of every hook, in a timer or a promise that nobody waits for: Node would end the process on the
 * spot, and the steps since the last checkpoint would be lost.
 */
export class StrayFailure {
  #error: unknown = null;
  #hasCome = false;
  #handle: (error: unknown) => void = () => undefined;

  get hasCome(): boolean {
    return this.#hasCome;
  }

  /** Hear of the first one. */
  listen(heard: (message: string) => void): void {
    this.#handle = (error) => {
      if (this.#hasCome) return;
      this.#hasCome = true;
      this.#error = error;
      heard(messageOf(error));
    };
    process.on("uncaughtException", this.#handle);
    process.on("unhandledRejection", this.#handle);
  }

  /** Leave such failures to Node again. */
  dispose(): void {
    process.off("uncaughtException", this.#handle);
    process.off("unhandledRejection", this.#handle);
  }

  /** Throw what has come, when training has ended because of it. */
  throw(): void {
    if (!this.#hasCome) return;
    if (this.#error instanceof LtrainError) throw this.#error;
    const message = `code that training did not wait for failed: ${messageOf(this.#error)}`;
    throw new LtrainError("user.failed", message, { cause: this.#error });
  }
}

/** End the process as any failure does where code that nobody waits for fails; a run that listens itself goes first. */
export function endOnStrayFailure(tell: (error: unknown) => number): void {
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      if (process.listenerCount(event) > 1) return;
      const message = `code that nothing waited for failed: ${messageOf(error)}`;
      process.exit(
        tell(error instanceof LtrainError ? error : new LtrainError("user.failed", message, { cause: error })),
      );
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
