import { fma32 } from "./fma.js";

const f32 = Math.fround;
const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/* eslint-disable @typescript-eslint/no-non-null-assertion -- one element each */
function bitsOf(x: number): number {
  float[0] = x;
  return word[0]!;
}
function floatOf(bits: number): number {
  word[0] = bits;
  return float[0]!;
}
/* eslint-enable @typescript-eslint/no-non-null-assertion */

const SMALLEST_NORMAL = floatOf(0x00800000);
const HALF_BITS = bitsOf(0.5);
const SQRT_HALF = f32(0.7071067811865476);
const TWO_PI = f32(2 * Math.PI);
const LOG_COEFFICIENTS = [
  -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1,
  -2.4999993993e-1, 3.3333331174e-1,
].map(f32);
const LN2_LOW = f32(-2.1219444e-4);
const LN2_HIGH = f32(0.693359375);
const PI_QUARTERS = [-0.78515625, -2.4187564849853516e-4, -3.774894977445941e-8].map(f32);
const FOUR_OVER_PI = f32(1.27323954473516);

/** Natural logarithm by the Cephes polynomial that torch's vector code uses, rounding for rounding. */
function log(input: number): number {
  const bits = bitsOf(Math.max(input, SMALLEST_NORMAL));
  let exponent = (bits >>> 23) - 0x7f + 1;
  let x = floatOf((bits & ~0x7f800000) | HALF_BITS); // mantissa in [0.5, 1)
  const small = x < SQRT_HALF;
  const rest = small ? x : 0;
  x = f32(f32(x - 1) + rest);
  if (small) exponent -= 1;
  const z = f32(x * x);
  let y = f32(7.0376836292e-2);
  for (const k of LOG_COEFFICIENTS) y = fma32(y, x, k);
  y = f32(y * x);
  y = fma32(y, z, f32(exponent * LN2_LOW));
  y = fma32(-z, 0.5, y);
  x = f32(x + y);
  return fma32(exponent, LN2_HIGH, x);
}

/** Sine and cosine by Cephes, for angles from 0 upwards. */
function sincos(angle: number): [number, number] {
  const octant = (Math.trunc(f32(angle * FOUR_OVER_PI)) + 1) & ~1;
  let x = angle;
  for (const k of PI_QUARTERS) x = fma32(octant, k, x);
  const z = f32(x * x);
  let c = f32(2.443315711809948e-5);
  c = fma32(c, z, f32(-1.388731625493765e-3));
  c = fma32(c, z, f32(4.166664568298827e-2));
  c = f32(c * z);
  c = fma32(c, z, -z * 0.5);
  c = f32(c + 1);
  let s = f32(-1.9515295891e-4);
  s = fma32(s, z, f32(8.3321608736e-3));
  s = fma32(s, z, f32(-1.6666654611e-1));
  s = f32(s * z);
  s = fma32(s, x, x);
  const swap = (octant & 2) !== 0;
  const sine = swap ? c : s;
  const cosine = swap ? s : c;
  return [(octant & 4) !== 0 ? -sine : sine, ((octant - 2) & 4) === 0 ? -cosine : cosine];
}

/**
 * Turn 16 uniforms of [0, 1) at `offset` into normals, in place: Box-Muller over pairs eight apart, as torch's vector
 * fill does it (lightning-checkpoint-format.md, 7.5). libm would differ in the last bit.
 */
export function normalBlock(values: Float32Array, offset: number, mean: number, std: number): void {
  for (let j = offset; j < offset + 8; j += 1) {
    const radius = f32(Math.sqrt(f32(-2 * log(f32(1 - (values[j] ?? 0))))));
    const [s, c] = sincos(f32(TWO_PI * (values[j + 8] ?? 0)));
    values[j] = fma32(f32(radius * c), std, mean);
    values[j + 8] = fma32(f32(radius * s), std, mean);
  }
}
