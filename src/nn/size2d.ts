import { LtrainError } from "../errors.js";

/** A number for height and width alike, or one for each. */
export type Size2d = number | readonly [number, number];

/** Height and width. */
export function pairOf(size: Size2d): readonly [number, number] {
  return typeof size === "number" ? [size, size] : size;
}

/** Height and width as whole numbers from `least`, or argument.invalid that names them. */
export function checkedPair(owner: string, name: string, size: Size2d, least: number): readonly [number, number] {
  const pair = pairOf(size);
  if (pair.every((value) => Number.isInteger(value) && value >= least)) return pair;
  throw new LtrainError(
    "argument.invalid",
    `${owner}'s ${name} is a whole number from ${least}, or two of them, got ${JSON.stringify(size)}`,
  );
}
