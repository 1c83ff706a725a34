import type { JsonValue } from "../checkpoint/jsonValue.js";
import type { ConsoleStream } from "../io/console.js";
import { jsonText } from "./printable.js";

/** Version of the objects that --json prints: raised when a member changes its meaning or goes, not when one comes. */
export const SCHEMA_VERSION = 1;

/** One JSON object as text: its version, then its members. */
export function jsonDocument(members: object, indent?: number): string {
  return `${jsonText({ schema_version: SCHEMA_VERSION, ...members }, indent)}\n`;
}

/** Items of a list that are written in one go. */
const ITEMS_AT_ONCE = 1000;

/** A list of a JSON object that is written item by item, each on a line of its own. */
export interface JsonList {
  readonly name: string;
  readonly items: AsyncIterable<JsonValue> | Iterable<JsonValue>;
}

/** One JSON object: its members indented, then a list that may be too long to be held as text. */
export async function writeJson(
  members: Readonly<Record<string, JsonValue>>,
  list: JsonList | undefined,
  stream: ConsoleStream,
): Promise<void> {
  const text = Object.entries(members).map(([name, value]) => {
    return `  ${jsonText(name)}: ${indented(value, "  ")}`;
  });
  if (list === undefined) {
    stream.write(`{\n${text.join(",\n")}\n}\n`);
    return;
  }
  stream.write(`{\n${[...text, `  ${jsonText(list.name)}: [`].join(",\n")}`);
  let pending: string[] = [];
  let separator = "\n";
  const flush = (): Promise<boolean> => {
    if (pending.length > 0) stream.write(separator + pending.join(",\n"));
    if (pending.length > 0) separator = ",\n";
    pending = [];
    return stream.drained();
  };
  for await (const item of list.items) {
    if (pending.push(`    ${jsonText(item)}`) >= ITEMS_AT_ONCE && !(await flush())) return;
  }
  await flush();
  stream.write(separator === "\n" ? "]\n}\n" : "\n  ]\n}\n");
}

/** Two spaces a level; a list of plain values, and what is empty, on one line. */
function indented(value: JsonValue, margin: string): string {
  if (typeof value !== "object" || value === null) return jsonText(value);
  const inner = `${margin}  `;
  if (isList(value)) {
    if (value.every((item) => typeof item !== "object" || item === null)) {
      return `[${value.map((item) => jsonText(item)).join(", ")}]`;
    }
    return `[\n${value.map((item) => inner + indented(item, inner)).join(",\n")}\n${margin}]`;
  }
  const members = Object.entries(value).map(([name, member]) => `${jsonText(name)}: ${indented(member, inner)}`);
  return members.length === 0 ? "{}" : `{\n${members.map((member) => inner + member).join(",\n")}\n${margin}}`;
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
