import { asItems } from "../pickle/convert.js";
import { pythonComplex, pythonFloat } from "../pickle/pythonFloat.js";
import { pythonText } from "../pickle/pythonText.js";
import type { PyObject } from "../pickle/values.js";
import { decodeNumbers } from "../storage/decode.js";
import { firstElements, numpyScalarOf } from "./numpyArray.js";
import type { NumpyArray, NumpyScalar } from "./numpyArray.js";
import { numpyTimeText, numpyTimeType } from "./numpyTime.js";
import { numpyTypeOf } from "./numpyType.js";
import type { NumpyType } from "./numpyType.js";

/** One value of a class that the reader knows by its pickle: a path, a date, a numpy number, a device. */
export interface KnownValue {
  /** The Python class: "pathlib.PurePosixPath", "numpy.float64", "torch.device". */
  readonly type: string;
  /** What str() prints of it. */
  readonly text: string;
}

/** What an object's pickle says that it is, without making one; undefined for a class that is not known. */
export function knownValueOf(object: PyObject): KnownValue | undefined {
  const text = pythonText(object);
  if (text !== undefined) return { type: object.className.replace("._local.", "."), text };
  const scalar = numpyScalarOf(object);
  if (scalar !== undefined) return numpyScalar(scalar);
  const type = numpyTypeOf(object);
  const typeText = type === undefined ? undefined : numpyTypeText(type);
  if (typeText !== undefined) return { type: "numpy.dtype", text: typeText };
  const [first, second] = asItems(object.args) ?? [];
  if (object.className === "torch.device" && typeof first === "string") {
    return { type: "torch.device", text: typeof second === "number" ? `${first}:${second}` : first };
  }
  if (object.className === "torch.serialization._get_layout" && typeof first === "string") {
    return { type: "torch.layout", text: first };
  }
  return undefined;
}

/** The first elements of an array of times or texts, as str() prints each; none of other arrays. */
export function elementTexts(array: NumpyArray, most: number): readonly string[] {
  return firstElements(array, most).flatMap((element) => numpyScalar(element)?.text ?? []);
}

const NUMPY_NAMES: ReadonlyMap<string, string> = new Map([
  ["b1", "bool"],
  ["f2", "float16"],
  ["f4", "float32"],
  ["f8", "float64"],
  ["c8", "complex64"],
  ["c16", "complex128"],
]);

/** A dtype as str() prints it: by name where it has one that says all of it; undefined for records and the like. */
function numpyTypeText(type: NumpyType): string | undefined {
  const { text, bigEndian } = type;
  if (/^[<|>][SU]\d+$/.test(text) || (bigEndian && text[1] !== "M" && text[1] !== "m")) return text;
  if (text === "|O") return "object";
  return numpyTimeType(type) ?? (/^[<|][biufc]\d+$/.test(text) ? type.dtype : undefined);
}

function numpyScalar({ type, bytes }: NumpyScalar): KnownValue | undefined {
  const time = numpyTimeText({ type, bytes });
  if (time !== undefined) return { type: type.text[1] === "M" ? "numpy.datetime64" : "numpy.timedelta64", text: time };
  const kind = type.text.slice(1);
  const name = NUMPY_NAMES.get(kind);
  if (kind.startsWith("U")) return { type: "numpy.str_", text: utf32(bytes) };
  if (kind.startsWith("S")) {
    return { type: "numpy.bytes_", text: Buffer.from(bytes).toString("latin1").replace(/\0+$/, "") };
  }
  if (name === "bool") return { type: "numpy.bool", text: bytes[0] === 0 ? "False" : "True" };
  if (name !== undefined && type.dtype !== undefined) {
    const [real = Number.NaN, imag] = decodeNumbers(bytes, type.dtype);
    return { type: `numpy.${name}`, text: imag === undefined ? pythonFloat(real) : pythonComplex(real, imag) };
  }
  const integer = /^([iu])([1248])$/.exec(kind);
  if (integer === null) return undefined;
  const [, sign, width = "1"] = integer;
  const bits = Number(width) * 8;
  const unsigned = BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
  const value = sign === "i" ? BigInt.asIntN(bits, unsigned) : unsigned;
  return { type: `numpy.${sign === "i" ? "int" : "uint"}${bits}`, text: value.toString() };
}

/** Characters of four bytes each; numpy fills up with NUL. */
function utf32(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const points = Array.from({ length: bytes.byteLength / 4 }, (_, index) => view.getUint32(index * 4, true));
  const end = points.findLastIndex((point) => point !== 0) + 1;
  // A number beyond Unicode has no character; it cannot come from Python.
  return points
    .slice(0, end)
    .map((point) => (point <= 0x10ffff ? String.fromCodePoint(point) : "\ufffd"))
    .join("");
}
