/** Arithmetic in pairs of doubles: 106 bits, for results that are to be rounded once. */

/** A number as the unevaluated sum of two doubles. */
export type Pair = readonly [high: number, low: number];

const SPLIT = 2 ** 27 + 1;

/** a + b without loss. */
export function twoSum(a: number, b: number): Pair {
  const sum = a + b;
  const back = sum - a;
  return [sum, a - (sum - back) + (b - back)];
}

/** a · b without loss. */
export function twoProduct(a: number, b: number): Pair {
  const product = a * b;
  const aHigh = SPLIT * a - (SPLIT * a - a);
  const bHigh = SPLIT * b - (SPLIT * b - b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return [product, aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)];
}

/** The sum of two pairs. */
export function add(a: Pair, b: Pair): Pair {
  const [high, low] = twoSum(a[0], b[0]);
  return twoSum(high, low + a[1] + b[1]);
}

/** The product of two pairs. */
export function multiply(a: Pair, b: Pair): Pair {
  const [high, low] = twoProduct(a[0], b[0]);
  return twoSum(high, low + (a[0] * b[1] + a[1] * b[0]));
}

/** A pair divided by a double. */
export function divideBy(a: Pair, divisor: number): Pair {
  const quotient = a[0] / divisor;
  const [high, low] = twoProduct(quotient, divisor);
  return twoSum(quotient, (a[0] - high - low + a[1]) / divisor);
}
