/**
 * a·b + c with one rounding, for float32 values held in doubles. The product of two float32 is exact in a double; the
 * sum is not always, and rounding twice then goes wrong in one case of 2^29: when the double lies exactly between two
 * float32. What the sum lost decides that case.
 */
export function fma32(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const rounded = Math.fround(sum);
  const gap = sum - rounded;
  if (gap === 0) return rounded;
  const other = sum + gap;
  if (Math.fround(other) !== other) return rounded; // not halfway
  const back = sum - product;
  const lost = product - (sum - back) + (c - back);
  if (lost === 0) return rounded; // a true tie: fround has rounded to even
  return lost > 0 === gap > 0 ? other : rounded;
}
