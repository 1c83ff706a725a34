/** The two half precisions that are computed with, in torch's words. */
export type HalfType = "float16" | "bfloat16";

/** Whether a dtype is a half precision. */
export function isHalf(dtype: string): dtype is HalfType {
  return dtype === "float16" || dtype === "bfloat16";
}

interface HalfFormat {
  /** The bits of the nearest half of a float32 given by its bits; of two that are equally near, the even one. */
  readonly narrow: (bits: number) => number;
  /** The bits of the float32 that a half is. */
  readonly widen: (half: number) => number;
}

/** How each half precision lies in 16 bits. */
const FORMATS = {
  float16: { narrow: narrowFloat16, widen: widenFloat16 },
  bfloat16: { narrow: narrowBfloat16, widen: (half) => half << 16 },
} as const satisfies Record<HalfType, HalfFormat>;

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** The bits of the half nearest to a number, which is made a float32 first, as torch does. */
export function toHalfBits(value: number, type: HalfType): number {
  float[0] = value;
  return FORMATS[type].narrow(floatBits[0] ?? 0);
}

/** The number that the bits of a half stand for. */
export function fromHalfBits(bits: number, type: HalfType): number {
  floatBits[0] = FORMATS[type].widen(bits);
  return float[0] ?? 0;
}

/** The bits of the halves nearest to float32 numbers. */
export function narrowArray(values: Float32Array, type: HalfType): Uint16Array {
  const { narrow } = FORMATS[type];
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < halves.length; i += 1) halves[i] = narrow(bits[i] ?? 0); // from() with a function takes ten times as long
  return halves;
}

/** Halves as float32 numbers; nothing is lost. */
export function widenArray(halves: Uint16Array, type: HalfType): Float32Array {
  const { widen } = FORMATS[type];
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i += 1) bits[i] = widen(halves[i] ?? 0);
  return new Float32Array(bits.buffer);
}

/** float16 has 1 sign, 5 exponent and 10 mantissa bits; float32 has 1, 8 and 23. */
function narrowFloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  const mantissa = bits & 0x7fffff;
  if (exponent === 143) return sign | (mantissa === 0 ? 0x7c00 : 0x7e00);
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent < -10) return sign;
  // A number below 2^-14 has no implied leading one: the one becomes a bit like the others, and all move down.
  const isSmall = exponent <= 0;
  const shift = isSmall ? 14 - exponent : 13;
  const whole = isSmall ? mantissa | 0x800000 : (exponent << 23) | mantissa;
  return sign | roundShift(whole, shift);
}

/** whole / 2^shift to the nearest integer, to the even one of two; a carry out of the mantissa is right as it is. */
function roundShift(whole: number, shift: number): number {
  const cut = whole >>> shift;
  const rest = whole & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return rest > middle || (rest === middle && (cut & 1) === 1) ? cut + 1 : cut;
}

function widenFloat16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  const lead = Math.clz32(mantissa) - 21; // how far the first one is from where the implied one would be
  return sign | ((113 - lead) << 23) | (((mantissa << lead) & 0x3ff) << 13);
}

/** bfloat16 is the upper half of a float32; torch has one NaN. */
function narrowBfloat16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
