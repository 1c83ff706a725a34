import type { DType } from "./dtype.js";
import { itemSize } from "./dtype.js";
import { fromHalfBits } from "./float16.js";

type Reader = (view: DataView, at: number) => number;

/** How one number of a dtype is read from its little-endian bytes; 64-bit integers beyond 2^53 are rounded. */
const READERS: Partial<Record<DType, Reader>> = {
  float64: (view, at) => view.getFloat64(at, true),
  float32: (view, at) => view.getFloat32(at, true),
  float16: (view, at) => fromHalfBits(view.getUint16(at, true), "float16"),
  bfloat16: (view, at) => fromHalfBits(view.getUint16(at, true), "bfloat16"),
  int64: (view, at) => Number(view.getBigInt64(at, true)),
  uint64: (view, at) => Number(view.getBigUint64(at, true)),
  int32: (view, at) => view.getInt32(at, true),
  qint32: (view, at) => view.getInt32(at, true),
  uint32: (view, at) => view.getUint32(at, true),
  int16: (view, at) => view.getInt16(at, true),
  uint16: (view, at) => view.getUint16(at, true),
  int8: (view, at) => view.getInt8(at),
  qint8: (view, at) => view.getInt8(at),
  uint8: (view, at) => view.getUint8(at),
  quint8: (view, at) => view.getUint8(at),
  bool: (view, at) => view.getUint8(at),
  float8_e4m3fn: eightBits({ mantissa: 3, bias: 7, special: "nan at the top" }),
  float8_e4m3fnuz: eightBits({ mantissa: 3, bias: 8, special: "nan is minus zero" }),
  float8_e5m2: eightBits({ mantissa: 2, bias: 15, special: "as in IEEE 754" }),
  float8_e5m2fnuz: eightBits({ mantissa: 2, bias: 16, special: "nan is minus zero" }),
  float8_e8m0fnu: (view, at) => {
    const bits = view.getUint8(at);
    return bits === 0xff ? Number.NaN : 2 ** (bits - 127);
  },
};

/** The dtypes whose elements are two numbers, real and imaginary, and of which kind. */
const PARTS: Partial<Record<DType, DType>> = { complex128: "float64", complex64: "float32", complex32: "float16" };

/** A fp4 number has a sign and one of these. */
const FLOAT4 = [0, 0.5, 1, 1.5, 2, 3, 4, 6];

/** Numbers in one element: two of a complex dtype and of float4_e2m1fn_x2, one of the others; 0 where bits are no numbers. */
export function numbersPerElement(dtype: DType): 0 | 1 | 2 {
  if (dtype in PARTS || dtype === "float4_e2m1fn_x2") return 2;
  return dtype in READERS ? 1 : 0;
}

/** The numbers in little-endian bytes of a dtype, `numbersPerElement` for each element: complex ones as re, im. */
export function decodeNumbers(bytes: Uint8Array, dtype: DType): Float64Array {
  if (dtype === "float4_e2m1fn_x2") return decodeFloat4(bytes);
  const plain = PARTS[dtype] ?? dtype;
  const fast = typedView(bytes, plain);
  if (fast !== undefined) return new Float64Array(fast);
  const read = READERS[plain];
  if (read === undefined) throw new TypeError(`${dtype} holds bits, not numbers`);
  const width = itemSize(plain);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers = new Float64Array(bytes.byteLength / width);
  for (let i = 0; i < numbers.length; i += 1) numbers[i] = read(view, i * width);
  return numbers;
}

/** The dtypes that JavaScript has arrays of, on a little-endian machine; bytes that are not aligned are copied. */
function typedView(bytes: Uint8Array, dtype: DType): Float64Array | Float32Array | Int32Array | undefined {
  const make = { float64: Float64Array, float32: Float32Array, int32: Int32Array }[dtype as "float64"] as
    Float64ArrayConstructor | undefined;
  if (make === undefined || !IS_LITTLE_ENDIAN) return undefined;
  const aligned = bytes.byteOffset % make.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new make(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / make.BYTES_PER_ELEMENT);
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function decodeFloat4(bytes: Uint8Array): Float64Array {
  const numbers = new Float64Array(2 * bytes.byteLength);
  // The lower half of a byte comes first.
  for (const [i, byte] of bytes.entries()) {
    numbers[2 * i] = float4(byte & 0xf);
    numbers[2 * i + 1] = float4(byte >> 4);
  }
  return numbers;
}

function float4(bits: number): number {
  const size = FLOAT4[bits & 7] ?? 0;
  return (bits & 8) === 0 ? size : -size;
}

interface EightBits {
  readonly mantissa: 2 | 3;
  readonly bias: number;
  readonly special: "as in IEEE 754" | "nan at the top" | "nan is minus zero";
}

/** A sign, an exponent and a mantissa in a byte: one of 256 numbers. */
function eightBits(format: EightBits): Reader {
  let values: Float64Array | undefined; // made when it is needed: most files have no such numbers
  const table = (): Float64Array => Float64Array.from({ length: 256 }, (_, bits) => eightBitValue(bits, format));
  return (view, at) => (values ??= table())[view.getUint8(at)] ?? 0;
}

function eightBitValue(bits: number, { mantissa, bias, special }: EightBits): number {
  const sign = (bits & 0x80) === 0 ? 1 : -1;
  const exponent = (bits & 0x7f) >> mantissa;
  const fraction = bits & ((1 << mantissa) - 1);
  if (special === "nan is minus zero" && bits === 0x80) return Number.NaN;
  if (special === "nan at the top" && (bits & 0x7f) === 0x7f) return Number.NaN;
  if (special === "as in IEEE 754" && exponent === 0x7f >> mantissa) return fraction === 0 ? sign * Infinity : NaN;
  const leading = exponent === 0 ? 0 : 1;
  return sign * (leading + fraction / (1 << mantissa)) * 2 ** (Math.max(exponent, 1) - bias);
}
