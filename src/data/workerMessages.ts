import type { ErrorCode } from "../errors.js";
import { ERROR_CODES, LtrainError } from "../errors.js";
import type { PackedBatch } from "./packedBatch.js";

/** What a data worker is asked for. */
export type WorkerRequest =
  /** A pass over the dataset begins; batches of earlier ones are not wanted any more. */
  | {
      readonly kind: "pass";
      readonly pass: number;
      readonly seed: bigint;
      /** Where the worker's generator goes on, in a pass that is resumed. */
      readonly random: Uint8Array | null;
    }
  | { readonly kind: "batch"; readonly pass: number; readonly batch: number; readonly indices: Int32Array };

/** What a data worker answers. */
export type WorkerAnswer = {
  readonly pass: number;
  readonly batch: number;
  /** The worker's generator after this batch, where the batch drew from it. */
  readonly random: Uint8Array | null;
} & ({ readonly packed: PackedBatch } | { readonly failure: WorkerFailure });

/** What was thrown in a worker, in plain values. */
export interface WorkerFailure {
  /** An ltrain error's; null for all others. */
  readonly code: ErrorCode | null;
  readonly name: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly stack: string | undefined;
}

/** Anything thrown, for its way to whoever asked. */
export function describeFailure(error: unknown): WorkerFailure {
  if (!(error instanceof Error)) {
    return { code: null, name: "Error", message: String(error), hint: undefined, stack: undefined };
  }
  const { name, message, stack } = error;
  const { code, hint } = error as Partial<LtrainError>;
  const isOurs = name === "LtrainError" && code !== undefined && Object.hasOwn(ERROR_CODES, code);
  return { code: isOurs ? code : null, name, message, hint: isOurs ? hint : undefined, stack };
}

/** The error as it was thrown in the worker, with the stack it had there. */
export function revivedError({ code, name, message, hint, stack }: WorkerFailure): Error {
  const error = code === null ? new Error(message) : new LtrainError(code, message, hint === undefined ? {} : { hint });
  if (code === null) Object.defineProperty(error, "name", { value: name, configurable: true });
  if (stack !== undefined) error.stack = stack;
  return error;
}
