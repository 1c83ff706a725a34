import { LtrainError } from "../errors.js";

/** A trainer option that counts something; anything else is config.invalid. */
export function requireCount(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new LtrainError("config.invalid", `trainer.${name} must be a whole number not below ${least}, got ${value}`);
}

/** A trainer option that limits batches: a whole number, a fraction below 1, or null. */
export function requireLimit(name: string, limit: number | null): void {
  if (limit === null || (limit >= 0 && (Number.isInteger(limit) || limit < 1))) return;
  throw new LtrainError(
    "config.invalid",
    `trainer.${name} must be a number of batches or a fraction below 1, got ${limit}`,
    { hint: "leave it out for all batches" },
  );
}
