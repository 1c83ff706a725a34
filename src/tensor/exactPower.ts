import { add, divideBy, multiply, twoProduct, twoSum, type Pair } from "./doublePair.js";

/**
 * Powers to the last bit. V8's `**` differs from the C library's, which Python computes with, in one double of some
 * twenty; a learning rate must not. So the logarithm and the exponential are computed in pairs of doubles.
 */

/** ln 2 in three doubles. */
const LN2 = [0.6931471805599453, 2.3190468138462996e-17, 5.707708438416212e-34] as const;

/** base ** exponent, correctly rounded for a base above 0; otherwise as JavaScript has it, where all is exact. */
export function power(base: number, exponent: number): number {
  const plain = base ** exponent;
  if (!(base > 0) || base === 1 || exponent === 1 || plain === 0 || !Number.isFinite(plain)) return plain;
  if (plain < 2 ** -960 || plain > 2 ** 960) return plain; // no room for the second double
  // Powers of plain fractions lie so near the middle of two doubles that a pair does not tell.
  if (Number.isInteger(exponent) && exponent > 0 && exponent <= MOST_FACTORS) return product(base, exponent);
  return exponential(multiply(logarithm(base), [exponent, 0]))[0];
}

/** Exponents up to here are multiplied out. */
const MOST_FACTORS = 1024;

/** base · base · … in whole numbers, rounded once, to even in the middle. */
function product(base: number, factors: number): number {
  let exponent = Math.floor(Math.log2(base)) - 54;
  const exact = BigInt(base / 2 ** exponent) ** BigInt(factors);
  exponent *= factors;
  const extra = exact.toString(2).length - 53;
  const half = 1n << BigInt(extra - 1);
  const [kept, rest] = [exact >> BigInt(extra), exact & (2n * half - 1n)];
  const isUp = rest > half || (rest === half && (kept & 1n) === 1n);
  const total = exponent + extra;
  const first = Math.trunc(total / 2); // in two parts: 2 ** -1070 alone has lost its bits
  return Number(isUp ? kept + 1n : kept) * 2 ** first * 2 ** (total - first);
}

/** ln x: what V8 gives, corrected by how far its exponential is from x. */
function logarithm(x: number): Pair {
  const near = Math.log(x);
  const [high, low] = multiply([x, 0], exponential([-near, 0]));
  const [rest, tail] = add([high, low], [-1, 0]);
  // ln(1 + r) = r - r²/2, for an r of 1e-16
  return add([near, 0], [rest, tail - (rest * rest) / 2]);
}

/** e^x, by the series of a sixteenth of what is left of x over ln 2. */
function exponential(x: Pair): Pair {
  const twos = Math.round(x[0] / LN2[0]);
  const rest = LN2.map((part) => twoProduct(-twos, part)).reduce<Pair>(add, x);
  const small: Pair = [rest[0] / 16, rest[1] / 16];
  let term: Pair = [1, 0];
  let sum: Pair = [1, 0];
  for (let n = 1; Math.abs(term[0]) > 1e-36; n += 1) {
    term = divideBy(multiply(term, small), n);
    sum = add(sum, term);
  }
  for (let i = 0; i < 4; i += 1) sum = multiply(sum, sum);
  const [high, low] = twoSum(sum[0], sum[1]);
  return [high * 2 ** twos, low * 2 ** twos];
}
