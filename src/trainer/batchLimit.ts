import { LtrainError } from "../errors.js";
import type { BatchLimit } from "./options.js";

/** Batches of a loader of `length` batches under a limit; a fraction that leaves none is config.invalid. */
export function limitedBatches(name: string, length: number, limit: BatchLimit): number {
  if (limit === null) return length;
  if (limit >= 1 || limit === 0) return Math.min(length, limit);
  const batches = Math.floor(length * limit);
  if (batches > 0 || length === 0) return batches;
  throw new LtrainError("config.invalid", `trainer.${name} ${limit} of ${length} batches is less than one batch`, {
    hint: `${name}: ${Math.ceil(100 / length) / 100} is one batch; so is the whole number 1`,
  });
}
