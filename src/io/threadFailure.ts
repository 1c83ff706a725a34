import type { ErrorCode } from "../errors.js";
import { ERROR_CODES, LtrainError } from "../errors.js";

/** What was thrown in a thread, in plain values. */
export interface ThreadFailure {
  /** An ltrain error's; null for all others. */
  readonly code: ErrorCode | null;
  readonly name: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly stack: string | undefined;
}

/** Anything thrown, for its way to whoever asked. */
export function describeFailure(error: unknown): ThreadFailure {
  if (!(error instanceof Error)) {
    return { code: null, name: "Error", message: String(error), hint: undefined, stack: undefined };
  }
  const { name, message, stack } = error;
  const { code, hint } = error as Partial<LtrainError>;
  const isOurs = name === "LtrainError" && code !== undefined && Object.hasOwn(ERROR_CODES, code);
  return { code: isOurs ? code : null, name, message, hint: isOurs ? hint : undefined, stack };
}

/** The error as it was thrown in the thread, with the stack it had there. */
export function revivedError({ code, name, message, hint, stack }: ThreadFailure): Error {
  const error = code === null ? new Error(message) : new LtrainError(code, message, hint === undefined ? {} : { hint });
  if (code === null) Object.defineProperty(error, "name", { value: name, configurable: true });
  if (stack !== undefined) error.stack = stack;
  return error;
}
