import { asItems } from "./convert.js";
import { dateText, datetimeText, timedeltaText, timeText, timezoneText } from "./pythonTime.js";
import { PyDict } from "./values.js";
import type { PyObject, PyValue } from "./values.js";

type Text = (args: readonly PyValue[], object: PyObject) => string | undefined;

/** What str() prints of an object of Python's own library whose pickle says it all: paths, times, numbers, ids. */
export function pythonText(object: PyObject): string | undefined {
  const text = TEXTS.get(object.className.replace(/^pathlib\._local\./, "pathlib."));
  const args = asItems(object.args);
  return text === undefined || args === undefined ? undefined : text(args, object);
}

const TEXTS: ReadonlyMap<string, Text> = new Map<string, Text>([
  ...["PosixPath", "PurePosixPath", "Path", "PurePath"].map((name) => [`pathlib.${name}`, posixPath] as const),
  ...["WindowsPath", "PureWindowsPath"].map((name) => [`pathlib.${name}`, windowsPath] as const),
  ["datetime.datetime", datetimeText],
  ["datetime.date", dateText],
  ["datetime.time", timeText],
  ["datetime.timedelta", timedeltaText],
  ["datetime.timezone", timezoneText],
  ["zoneinfo.ZoneInfo._unpickle", ([name]) => (typeof name === "string" ? name : undefined)],
  ["decimal.Decimal", ([digits]) => (typeof digits === "string" ? digits : undefined)],
  ["fractions.Fraction", fraction],
  ["uuid.UUID", uuid],
]);

/** The parts of a path; an absolute one begins with "/", and "." is the path of no parts. */
function posixPath(args: readonly PyValue[]): string | undefined {
  const parts = texts(args);
  if (parts === undefined) return undefined;
  const [root = ".", ...rest] = parts;
  return root.endsWith("/") ? `${root}${rest.join("/")}` : [root, ...rest].join("/");
}

function windowsPath(args: readonly PyValue[]): string | undefined {
  const parts = texts(args);
  if (parts === undefined) return undefined;
  const [root = ".", ...rest] = parts;
  return root.endsWith("\\") ? `${root}${rest.join("\\")}` : [root, ...rest].join("\\");
}

function texts(args: readonly PyValue[]): string[] | undefined {
  const parts = args.filter((part) => typeof part === "string");
  return parts.length === args.length ? parts : undefined;
}

/** Two numbers since Python 3.12, one text before. */
function fraction([numerator, denominator]: readonly PyValue[]): string | undefined {
  if (typeof numerator === "string") return numerator;
  if (!isInteger(numerator) || !isInteger(denominator)) return undefined;
  return denominator === 1 ? String(numerator) : `${numerator}/${denominator}`;
}

function isInteger(value: PyValue | undefined): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function uuid(_: readonly PyValue[], { state }: PyObject): string | undefined {
  const value = state instanceof PyDict ? state.get("int") : undefined;
  if (!isInteger(value)) return undefined;
  const digits = BigInt(value).toString(16).padStart(32, "0");
  return /^(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(digits)?.slice(1).join("-");
}
