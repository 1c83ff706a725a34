/** The signals that end a run in good order, with the exit codes that shells know them by. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** A signal that ends a run. */
export type StopSignal = keyof typeof EXIT_CODES;

/** Listening to signals while a run goes on. */
export interface SignalWatch {
  /** The exit code that the first signal asks for; null while none has come. */
  readonly exitCode: number | null;
  /** What the first signal does; before this is set there is nothing to finish, and it exits at once. */
  onStop(stop: (signal: StopSignal) => void): void;
  /** Leave the signals to Node again. */
  dispose(): void;
}

/** The first Ctrl-C or SIGTERM asks the run to stop, the second one exits at once. */
export function watchSignals(exit: (code: number) => void = (code) => process.exit(code)): SignalWatch {
  let received: StopSignal | null = null;
  let stop: ((signal: StopSignal) => void) | null = null;
  const handle = (signal: StopSignal): void => {
    if (received !== null || stop === null) {
      exit(EXIT_CODES[signal]);
      return;
    }
    received = signal;
    stop(signal);
  };
  process.on("SIGINT", handle);
  process.on("SIGTERM", handle);
  return {
    get exitCode() {
      return received === null ? null : EXIT_CODES[received];
    },
    onStop(callback) {
      stop = callback;
    },
    dispose() {
      process.off("SIGINT", handle);
      process.off("SIGTERM", handle);
    },
  };
}
