import { add, divideBy, multiply, twoProduct, type Pair } from "./doublePair.js";

/**
 * Sine and cosine to the last bit. V8's differ from the C library's in one double of thirty, and torch's normals below
 * 16 elements, with the half that its generator keeps, are made with the C library's. So they are summed here in pairs
 * of doubles and rounded once.
 */

/** π/2 in three doubles. */
const HALF_PI = [1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33] as const;

/** Σ (-1)^k · first · x^2k / (start+1)(start+2)…: the sine for start 1, the cosine for start 0. */
function taylor(first: Pair, square: Pair, start: number): Pair {
  let term = first;
  let sum = first;
  for (let n = start; Math.abs(term[0]) > 1e-36; n += 2) {
    term = divideBy(multiply(term, [-square[0], -square[1]]), (n + 1) * (n + 2));
    sum = add(sum, term);
  }
  return sum;
}

/** sin and cos of an angle between 0 and 2π, correctly rounded. */
export function sincos(angle: number): { readonly sin: number; readonly cos: number } {
  const quarter = Math.round(angle / HALF_PI[0]);
  const rest = HALF_PI.map((part) => twoProduct(-quarter, part)).reduce<Pair>(add, [angle, 0]);
  const square = multiply(rest, rest);
  const [sin] = taylor(rest, square, 1);
  const [cos] = taylor([1, 0], square, 0);
  switch (quarter % 4) {
    case 0:
      return { sin, cos };
    case 1:
      return { sin: cos, cos: -sin };
    case 2:
      return { sin: -sin, cos: -cos };
    default:
      return { sin: -cos, cos: sin };
  }
}
