/** The signals that end a run in good order, with the exit codes that shells know them by. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGUSR1: 138 } as const;

/** sysexits' EX_TEMPFAIL: stopped early, and the same command line may be run again. */
export const RESUMABLE_EXIT_CODE = 75;

/** Whether a process ends with this exit code because it was told to stop. */
export function isSignalled(exitCode: number): boolean {
  return exitCode === RESUMABLE_EXIT_CODE || Object.values<number>(EXIT_CODES).includes(exitCode);
}

/** A signal that ends a run. */
export type StopSignal = keyof typeof EXIT_CODES;

/** How signals are answered. */
export interface SignalOptions {
  /** Whether a scheduler waits for RESUMABLE_EXIT_CODE. SIGUSR1, by which Slurm asks for a requeue, says so by itself. */
  readonly requeue?: boolean;
  /** Seconds from the first Ctrl-C or SIGTERM after which it exits, whatever is under way; null: as long as it takes. */
  readonly grace?: number | null;
  readonly exit?: (code: number) => void;
}

/** Listening to signals while a run goes on. */
export interface SignalWatch {
  /** The first signal; null while none has come. */
  readonly received: StopSignal | null;
  /** The exit code of a run that the first signal ended early; null while none has come. */
  readonly exitCode: number | null;
  /**
   * What the first signal does; before this is set there is nothing to finish, and it exits at once. `late` is called
   * before it exits because the grace time is over.
   */
  onStop(stop: (signal: StopSignal) => void, late?: (signal: StopSignal) => void): void;
  /** End the process as the first signal asks. */
  exit(): void;
  /** Leave the signals to Node again. */
  dispose(): void;
}

/**
 * The first signal asks the run to stop, a second Ctrl-C or SIGTERM exits at once. SIGUSR1 is a warning ahead of time: the
 * SIGTERM that follows it is the first of its kind, and the grace time begins with it.
 */
export function watchSignals(options: SignalOptions = {}): SignalWatch {
  const { requeue = false, grace = null, exit = (code: number) => process.exit(code) } = options;
  let received: StopSignal | null = null;
  let isPressing = false;
  let stop: ((signal: StopSignal) => void) | null = null;
  let tellLate: ((signal: StopSignal) => void) | undefined;
  let deadline: NodeJS.Timeout | undefined;
  const codeOf = (signal: StopSignal): number =>
    requeue || signal === "SIGUSR1" ? RESUMABLE_EXIT_CODE : EXIT_CODES[signal];
  const handle = (signal: StopSignal): void => {
    const first = received ?? signal;
    if (stop === null || (isPressing && signal !== "SIGUSR1")) {
      exit(isPressing ? EXIT_CODES[signal] : codeOf(first));
      return;
    }
    isPressing ||= signal !== "SIGUSR1";
    if (isPressing && grace !== null) {
      deadline = setTimeout(() => {
        tellLate?.(signal);
        exit(codeOf(first));
      }, grace * 1000);
    }
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
    onStop(callback, late) {
      stop = callback;
      tellLate = late;
    },
    exit() {
      if (received !== null) exit(codeOf(received));
    },
    dispose() {
      clearTimeout(deadline);
      for (const signal of signals) process.off(signal, handle);
    },
  };
}
