/** The signals that end a run in good order, with the exit codes that shells know them by. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGUSR1: 138 } as const;

/** sysexits' EX_TEMPFAIL: stopped early, and the same command line may be run again. */
export const RESUMABLE_EXIT_CODE = 75;

/** A signal that ends a run. */
export type StopSignal = keyof typeof EXIT_CODES;

/** How signals are answered. */
export interface SignalOptions {
  /** Whether a scheduler waits for RESUMABLE_EXIT_CODE. SIGUSR1, by which Slurm asks for a requeue, says so by itself. */
  readonly requeue?: boolean;
  readonly exit?: (code: number) => void;
}

/** Listening to signals while a run goes on. */
export interface SignalWatch {
  /** The first signal; null while none has come. */
  readonly received: StopSignal | null;
  /** The exit code of a run that the first signal ended early; null while none has come. */
  readonly exitCode: number | null;
  /** What the first signal does; before this is set there is nothing to finish, and it exits at once. */
  onStop(stop: (signal: StopSignal) => void): void;
  /** End the process as the first signal asks. */
  exit(): void;
  /** Leave the signals to Node again. */
  dispose(): void;
}

/**
 * The first signal asks the run to stop, a second Ctrl-C or SIGTERM exits at once. SIGUSR1 is a warning ahead of time: the
 * SIGTERM that follows it is the first of its kind.
 */
export function watchSignals(options: SignalOptions = {}): SignalWatch {
  const { requeue = false, exit = (code: number) => process.exit(code) } = options;
  let received: StopSignal | null = null;
  let isPressing = false;
  let stop: ((signal: StopSignal) => void) | null = null;
  const codeOf = (signal: StopSignal): number =>
    requeue || signal === "SIGUSR1" ? RESUMABLE_EXIT_CODE : EXIT_CODES[signal];
  const handle = (signal: StopSignal): void => {
    const first = received ?? signal;
    if (stop === null || (isPressing && signal !== "SIGUSR1")) {
      exit(isPressing ? EXIT_CODES[signal] : codeOf(first));
      return;
    }
    isPressing ||= signal !== "SIGUSR1";
    if (received !== null) return;
    received = signal;
    stop(signal);
  };
  const signals = Object.keys(EXIT_CODES) as StopSignal[];
  for (const signal of signals) process.on(signal, handle);
  return {
    get received() {
      return received;
    },
    get exitCode() {
      return received === null ? null : codeOf(received);
    },
    onStop(callback) {
      stop = callback;
    },
    exit() {
      if (received !== null) exit(codeOf(received));
    },
    dispose() {
      for (const signal of signals) process.off(signal, handle);
    },
  };
}
