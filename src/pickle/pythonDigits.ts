/** The digits of a finite number that is not negative as Python's `format(value, ".{precision}f")` prints them. */
export function fixedDigits(value: number, precision: number): string {
  const digits = scaled(value, precision)
    .toString()
    .padStart(precision + 1, "0");
  return precision === 0 ? digits : `${digits.slice(0, -precision)}.${digits.slice(-precision)}`;
}

/** The same as `format(value, ".{precision}e")`: 1.5000e-07. */
export function exponentialDigits(value: number, precision: number): string {
  const exponent = decimalExponent(value, precision);
  const digits = scaled(value, precision - exponent).toString();
  const mantissa = precision === 0 ? digits : `${digits.slice(0, 1)}.${digits.slice(1).padEnd(precision, "0")}`;
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** The power of ten of the first digit once `value` is rounded to `precision` digits behind it. */
export function decimalExponent(value: number, precision: number): number {
  if (value === 0) return 0;
  const guess = Math.floor(Math.log10(value)) - 1; // the logarithm may be off by one, so begin below
  for (let exponent = guess; ; exponent += 1) {
    if (scaled(value, precision - exponent) < 10n ** BigInt(precision + 1)) return exponent;
  }
}

/** `value` times 10^power, rounded as Python rounds: exactly, halves to the even neighbour. toFixed rounds halves up. */
function scaled(value: number, power: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const biased = Number((raw >> 52n) & 0x7ffn);
  let numerator = (raw & 0xfffffffffffffn) | (biased === 0 ? 0n : 1n << 52n);
  let denominator = 1n;
  const binary = Math.max(biased, 1) - 1075;
  if (binary >= 0) numerator <<= BigInt(binary);
  else denominator <<= BigInt(-binary);
  if (power >= 0) numerator *= 10n ** BigInt(power);
  else denominator *= 10n ** BigInt(-power);
  const whole = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  return twice > denominator || (twice === denominator && whole % 2n === 1n) ? whole + 1n : whole;
}
