import { asItems } from "./convert.js";
import { encodeUtf8 } from "./utf8.js";
import { PyObject } from "./values.js";
import type { PyValue } from "./values.js";

const SECONDS_PER_DAY = 86_400;
/** The month's highest bit says that a clock went back and this is the second time. */
const FOLD_BIT = 0x80;

/** `datetime.datetime(bytes[, timezone])` as str() prints it: "2024-02-29 12:30:15.123456+00:00". */
export function datetimeText(args: readonly PyValue[]): string | undefined {
  const bytes = bytesOf(args[0], 10);
  if (bytes === undefined) return undefined;
  return `${dateOf(bytes)} ${clockOf(bytes.subarray(4))}${offsetText(args[1])}`;
}

/** `datetime.date(bytes)`: "1999-12-31". */
export function dateText(args: readonly PyValue[]): string | undefined {
  const bytes = bytesOf(args[0], 4);
  return bytes === undefined ? undefined : dateOf(bytes);
}

/** `datetime.time(bytes[, timezone])`: "01:02:03.000004". */
export function timeText(args: readonly PyValue[]): string | undefined {
  const bytes = bytesOf(args[0], 6);
  if (bytes === undefined) return undefined;
  return `${clockOf(bytes, FOLD_BIT)}${offsetText(args[1])}`;
}

/** `datetime.timedelta(days, seconds, microseconds)`: "-1 day, 0:00:03". */
export function timedeltaText(args: readonly PyValue[]): string | undefined {
  const [days = 0, seconds = 0, microseconds = 0] = args;
  if (typeof days !== "number" || typeof seconds !== "number" || typeof microseconds !== "number") return undefined;
  const clock = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const fraction = microseconds === 0 ? "" : `.${String(microseconds).padStart(6, "0")}`;
  const dayText = days === 0 ? "" : `${days} day${Math.abs(days) === 1 ? "" : "s"}, `;
  return `${dayText}${clock}${fraction}`;
}

/** `datetime.timezone(timedelta[, name])`: "UTC", "UTC+02:00" or its name. */
export function timezoneText(args: readonly PyValue[]): string | undefined {
  const [offset, name] = args;
  if (typeof name === "string") return name;
  const text = offsetOf(offset);
  return text === undefined ? undefined : text === "+00:00" ? "UTC" : `UTC${text}`;
}

/** "+00:00" behind a time whose zone has a fixed offset; a named zone's depends on tables that are not here. */
function offsetText(zone: PyValue | undefined): string {
  if (!(zone instanceof PyObject)) return "";
  if (zone.className === "datetime.timezone") return offsetOf(asItems(zone.args)?.[0]) ?? "";
  const name = asItems(zone.args)?.[0];
  return typeof name === "string" ? ` ${name}` : "";
}

function offsetOf(delta: PyValue | undefined): string | undefined {
  if (!(delta instanceof PyObject) || delta.className !== "datetime.timedelta") return undefined;
  const [days = 0, seconds = 0] = asItems(delta.args) ?? [];
  if (typeof days !== "number" || typeof seconds !== "number") return undefined;
  const total = days * SECONDS_PER_DAY + seconds;
  const size = Math.abs(total);
  const rest = size % 60 === 0 ? "" : `:${two(size % 60)}`;
  return `${total < 0 ? "-" : "+"}${two(Math.floor(size / 3600))}:${two(Math.floor(size / 60) % 60)}${rest}`;
}

function dateOf(bytes: Uint8Array): string {
  const [high = 0, low = 0, month = 0, day = 0] = bytes;
  return `${String(high * 256 + low).padStart(4, "0")}-${two(month & ~FOLD_BIT)}-${two(day)}`;
}

function clockOf(bytes: Uint8Array, foldBit = 0): string {
  const [hour = 0, minute = 0, second = 0, high = 0, middle = 0, low = 0] = bytes;
  const microseconds = (high * 256 + middle) * 256 + low;
  const fraction = microseconds === 0 ? "" : `.${String(microseconds).padStart(6, "0")}`;
  return `${two(hour & ~foldBit)}:${two(minute)}:${two(second)}${fraction}`;
}

function bytesOf(value: PyValue | undefined, length: number): Uint8Array | undefined {
  // Python 2 wrote a str, which may happen to be text.
  const bytes = typeof value === "string" ? encodeUtf8(value) : value;
  return bytes instanceof Uint8Array && bytes.byteLength === length ? bytes : undefined;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
