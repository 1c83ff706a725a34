import type { NumpyScalar } from "./numpyArray.js";
import type { NumpyType } from "./numpyType.js";

/** numpy's units of time by their short names: what str() of a duration calls them. */
const UNITS: ReadonlyMap<string, string> = new Map([
  ["Y", "years"],
  ["M", "months"],
  ["W", "weeks"],
  ["D", "days"],
  ["h", "hours"],
  ["m", "minutes"],
  ["s", "seconds"],
  ["ms", "milliseconds"],
  ["us", "microseconds"],
  ["ns", "nanoseconds"],
  ["ps", "picoseconds"],
  ["fs", "femtoseconds"],
  ["as", "attoseconds"],
]);

/** So many of these units are a day. */
const PER_DAY: ReadonlyMap<string, bigint> = new Map([
  ["D", 1n],
  ["h", 24n],
  ["m", 1440n],
]);

/** Decimals of a second in units of a second and less. */
const DECIMALS: readonly string[] = ["s", "ms", "us", "ns", "ps", "fs", "as"];

const NOT_A_TIME = -(2n ** 63n);

/** A unit of time, and how many of them a number counts: `[3D]`. */
interface TimeUnit {
  readonly isDate: boolean;
  /** "" where numpy has left it open. */
  readonly name: string;
  readonly count: bigint;
}

function unitOf({ text }: NumpyType): TimeUnit | undefined {
  const match = /^[<>]([Mm])8(?:\[(\d*)([A-Za-z]*)\])?$/.exec(text);
  if (match === null) return undefined;
  const [, letter, count = "", name = ""] = match;
  return { isDate: letter === "M", name, count: BigInt(count === "" ? 1 : count) };
}

/** A numpy datetime64 or timedelta64 as str() prints it: "2024-02-29T12:30", "90 minutes"; undefined for other types. */
export function numpyTimeText({ type, bytes }: NumpyScalar): string | undefined {
  const unit = unitOf(type);
  if (unit === undefined || bytes.byteLength !== 8) return undefined;
  const value = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true);
  if (value === NOT_A_TIME) return "NaT";
  const time = value * unit.count;
  if (unit.isDate) return dateText(time, unit.name);
  return `${time} ${UNITS.get(unit.name) ?? "generic time units"}`;
}

/** What str() prints of a dtype of times: "datetime64[ns]"; undefined for other types. */
export function numpyTimeType(type: NumpyType): string | undefined {
  const unit = unitOf(type);
  if (unit === undefined) return undefined;
  const name = unit.isDate ? "datetime64" : "timedelta64";
  return unit.name === "" ? name : `${name}[${unit.count === 1n ? "" : unit.count}${unit.name}]`;
}

function dateText(time: bigint, unit: string): string | undefined {
  if (unit === "Y") return yearText(1970n + time);
  if (unit === "M") return `${yearText(1970n + floorDivide(time, 12n))}-${two(modulo(time, 12n) + 1n)}`;
  if (unit === "W") return dayText(time * 7n);
  const perDay = PER_DAY.get(unit);
  if (perDay !== undefined) {
    const day = dayText(floorDivide(time, perDay));
    const minutes = modulo(time, perDay) * (1440n / perDay);
    if (unit === "D") return day;
    return unit === "h" ? `${day}T${two(minutes / 60n)}` : `${day}T${clockText(minutes)}`;
  }
  const decimals = DECIMALS.indexOf(unit) * 3;
  if (decimals < 0) return undefined;
  const second = 10n ** BigInt(decimals);
  const seconds = floorDivide(time, second);
  const ofDay = modulo(seconds, 86_400n);
  const fraction = decimals === 0 ? "" : `.${String(modulo(time, second)).padStart(decimals, "0")}`;
  return `${dayText(floorDivide(seconds, 86_400n))}T${clockText(ofDay / 60n)}:${two(ofDay % 60n)}${fraction}`;
}

function clockText(minutes: bigint): string {
  return `${two(minutes / 60n)}:${two(minutes % 60n)}`;
}

/** A day, counted from 1970-01-01, in the calendar of today at all times; eras of 400 years that begin in March. */
function dayText(day: bigint): string {
  const sinceMarch0 = day + 719_468n;
  const era = floorDivide(sinceMarch0, 146_097n);
  const ofEra = modulo(sinceMarch0, 146_097n);
  const yearOfEra = (ofEra - ofEra / 1460n + ofEra / 36_524n - ofEra / 146_096n) / 365n;
  const ofYear = ofEra - (365n * yearOfEra + yearOfEra / 4n - yearOfEra / 100n);
  const month = (5n * ofYear + 2n) / 153n;
  const date = ofYear - (153n * month + 2n) / 5n + 1n;
  const year = yearOfEra + era * 400n + (month >= 10n ? 1n : 0n);
  return `${yearText(year)}-${two(month < 10n ? month + 3n : month - 9n)}-${two(date)}`;
}

function yearText(year: bigint): string {
  // As C prints %04d: the sign counts.
  return year < 0n ? `-${String(-year).padStart(3, "0")}` : String(year).padStart(4, "0");
}

function two(number: bigint): string {
  return String(number).padStart(2, "0");
}

function floorDivide(a: bigint, b: bigint): bigint {
  return (a - modulo(a, b)) / b;
}

function modulo(a: bigint, b: bigint): bigint {
  return ((a % b) + b) % b;
}
