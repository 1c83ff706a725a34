import { pythonFloat } from "../pickle/pythonFloat.js";
import { LtrainError } from "../errors.js";
import { decimalExponent, exponentialDigits, fixedDigits } from "../pickle/pythonDigits.js";

/** Python's format specification: [[fill]align][sign][z][#][0][width][grouping][.precision][type]. */
const SPEC = /^(?:(.)?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/su;
const INT_TYPES = new Set(["d", "n", "x", "X", "o", "b"]);
const RADIX: Readonly<Record<string, number>> = { x: 16, X: 16, o: 8, b: 2 };

/** A number as Python's `format(value, spec)` prints it; `isInt` says which of Python's two kinds it is. */
export function pythonFormat(value: number, spec: string, isInt: boolean): string {
  const match = SPEC.exec(spec);
  if (match === null) throw new LtrainError("config.invalid", `"${spec}" is no Python format specification`);
  const [, fill, align, sign, , , zero, width, grouping, precision, type] = match;
  if (!isInt && type !== undefined && INT_TYPES.has(type)) {
    throw new LtrainError(
      "config.invalid",
      `format "${spec}" is for integers, and the value is ${pythonFloat(value)}`,
      {
        hint: "use a float format such as .3f, or none",
      },
    );
  }
  if (isInt && precision !== undefined && (type === undefined || INT_TYPES.has(type))) {
    throw new LtrainError("config.invalid", `format "${spec}" has a precision, and the value is the integer ${value}`);
  }
  const digits = precision === undefined ? undefined : Number(precision);
  const isNegative = value < 0 || Object.is(value, -0);
  const magnitude = group(digitsOf(Math.abs(value), type, digits, isInt), grouping);
  const before = isNegative ? "-" : sign === "+" || sign === " " ? sign : "";
  const padding = Number(width ?? 0) - before.length - magnitude.length;
  if (padding <= 0) return before + magnitude;
  const filler = (fill ?? (zero === undefined ? " " : "0")).repeat(padding);
  switch (align ?? (zero === undefined ? ">" : "=")) {
    case "<":
      return before + magnitude + filler;
    case "=":
      return before + filler + magnitude;
    case "^": {
      const left = Math.floor(padding / 2);
      return filler.slice(0, left) + before + magnitude + filler.slice(left);
    }
    default:
      return filler + before + magnitude;
  }
}

/** The digits of a number that is not negative. */
function digitsOf(value: number, type: string | undefined, precision: number | undefined, isInt: boolean): string {
  if (isInt && (type === undefined || INT_TYPES.has(type))) {
    const text = value.toString(RADIX[type ?? "d"] ?? 10);
    return type === "X" ? text.toUpperCase() : text;
  }
  if (!Number.isFinite(value)) {
    const text = (Number.isNaN(value) ? "nan" : "inf") + (type === "%" ? "%" : "");
    return type === "F" || type === "E" || type === "G" ? text.toUpperCase() : text;
  }
  switch (type) {
    case "f":
    case "F":
      return fixedDigits(value, precision ?? 6);
    case "%":
      return `${fixedDigits(value * 100, precision ?? 6)}%`;
    case "e":
      return exponentialDigits(value, precision ?? 6);
    case "E":
      return exponentialDigits(value, precision ?? 6).toUpperCase();
    case "g":
    case "G":
    case "n": {
      const text = general(value, Math.max(precision ?? 6, 1), false);
      return type === "G" ? text.toUpperCase() : text;
    }
    case undefined:
      return precision === undefined ? pythonFloat(value) : general(value, Math.max(precision, 1), true);
    default:
      throw new LtrainError("config.invalid", `format type "${type}" is not one for numbers`);
  }
}

/** Significant digits without trailing zeros, exponential where that is shorter: Python's "g", or a bare precision. */
function general(value: number, precision: number, keepsPoint: boolean): string {
  const exponent = decimalExponent(value, precision - 1);
  const limit = keepsPoint ? precision - 1 : precision;
  if (exponent < -4 || exponent >= limit) {
    const [mantissa = "", power = ""] = exponentialDigits(value, precision - 1).split("e");
    return `${trimmed(mantissa)}e${power}`;
  }
  const text = trimmed(fixedDigits(value, Math.max(precision - 1 - exponent, 0)));
  return keepsPoint && !text.includes(".") ? `${text}.0` : text;
}

function trimmed(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}

function group(digits: string, mark: string | undefined): string {
  if (mark === undefined) return digits;
  const [whole = "", ...rest] = digits.split(/(?=[.e%])/);
  return whole.replace(/\B(?=(\d{3})+$)/g, mark) + rest.join("");
}
