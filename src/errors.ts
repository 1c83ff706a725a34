/**
 * Every way ltrain can refuse, and the exit code it ends with. The codes are public: scripts test for them, README
 * lists them, test/surface.test.ts keeps them.
 */
export const ERROR_CODES = {
  /** The command line, the config or an argument is wrong. */
  "usage.invalid": 2,
  "config.invalid": 2,
  "config.unknownClass": 2,
  "argument.invalid": 2,
  /** The file is there, and is not what it should be. */
  "checkpoint.malformed": 3,
  "checkpoint.notACheckpoint": 3,
  "checkpoint.unsupported": 3,
  "data.malformed": 3,
  /** Something that was named is not there. */
  "file.missing": 4,
  "checkpoint.missing": 4,
  "data.missing": 4,
  "key.missing": 4,
  /** The parts are sound and do not fit together. */
  "checkpoint.mismatch": 5,
  "engine.unavailable": 5,
  "engine.unsupported": 5,
  "export.differs": 5,
  "output.refused": 5,
  "run.locked": 5,
  /** The operating system refused to read or write. */
  "io.failed": 6,
  /** A file has its new name, and may lose it again in a power cut; all other failures of a write leave what was there. */
  "io.durabilityUncertain": 6,
  "disk.full": 6,
  /** The user's own module, callback or data failed. */
  "user.failed": 1,
  "training.failed": 1,
  /** Somebody asked it to stop before there was a result. */
  "run.stopped": 1,
} as const satisfies Record<string, number>;

/** A stable name of one kind of failure. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What may accompany a failure: the way out, what lies beneath, and the place it was noticed. */
export interface LtrainErrorOptions {
  /** The way out, in one lower-case sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** A failure that has been understood: it names the thing, the place, both values and the way out. */
export class LtrainError extends Error {
  override readonly name = "LtrainError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  /** `message` is lower case without a full stop: it is printed after "error: ". */
  constructor(code: ErrorCode, message: string, options: LtrainErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  /** The process's exit code for this failure. */
  get exitCode(): number {
    return ERROR_CODES[this.code];
  }
}
