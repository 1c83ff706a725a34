import type { JsonValue } from "../checkpoint/jsonValue.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";
import { traceGlobals } from "../checkpoint/traceGlobals.js";
import type { ConsoleStream } from "../io/console.js";
import { printable } from "./printable.js";
import { renderTable } from "./table.js";
import { formatCount, plural } from "./units.js";

/** What the pickle names, in its order, what torch.load(weights_only=True) says to each, and where it ended up. */
export async function writeGlobals(file: OpenedFile, stdout: ConsoleStream): Promise<void> {
  if (file.globals.length === 0) {
    stdout.write(`the file names no classes and no functions\n${opcodesVerdict(file)}`);
    return;
  }
  const uses = traceGlobals(file.root);
  const refused = new Set(file.foreignGlobals.map(String));
  const rows = file.globals.map(String).map((name) => {
    const use = uses.get(name);
    const place = use?.paths[0] ?? (refused.has(name) ? "(not in the value: used on the way and dropped)" : "");
    return [
      name,
      refused.has(name) ? "refused" : "accepted",
      use === undefined ? "" : formatCount(use.count),
      refused.has(name) || use !== undefined ? place : "",
    ];
  });
  const head = ["name", "weights_only", "uses", "first at"];
  stdout.write(
    `${await renderTable({ head, rows, numeric: [2] }, stdout)}\n\n${verdict(file)}\n${opcodesVerdict(file)}`,
  );
}

/** A line on what is refused whatever it names; none where nothing is. */
function opcodesVerdict({ refusedOpcodes = [] }: OpenedFile): string {
  if (refusedOpcodes.length === 0) return "";
  const named = refusedOpcodes.join(", ");
  return `torch.load(weights_only=True) refuses the pickle for its opcodes ${named}; ltrain sanitize writes it without them\n`;
}

function verdict({ foreignGlobals }: OpenedFile): string {
  const [first] = foreignGlobals;
  if (first === undefined) return "torch.load(weights_only=True) accepts every name";
  const count = plural(foreignGlobals.length, "name");
  return `torch.load(weights_only=True) refuses ${count}, ${printable(String(first))} first`;
}

/** The same as the JSON schema has it. */
export function globalsJson(file: OpenedFile): JsonValue {
  const uses = traceGlobals(file.root);
  const refused = new Set(file.foreignGlobals.map(String));
  return file.globals.map(String).map((name) => ({
    name,
    weights_only: refused.has(name) ? "refused" : "accepted",
    count: uses.get(name)?.count ?? 0,
    paths: uses.get(name)?.paths ?? [],
  }));
}
