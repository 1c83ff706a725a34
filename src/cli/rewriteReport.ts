import type { PlainNote } from "../checkpoint/plainTree.js";
import type { ConsoleStream, Terminal } from "../io/console.js";
import type { OutputFile } from "./outputFile.js";
import { STANDARD_OUTPUT } from "./outputFile.js";
import { printable } from "./printable.js";
import { plural } from "./units.js";

/** Where a report goes: not into the file, when that is standard output. */
export function tellTo(output: OutputFile, terminal: Terminal): ConsoleStream {
  return output.path === STANDARD_OUTPUT ? terminal.stderr : terminal.stdout;
}

/** So many values are told one by one where they are not what the command is about. */
const MAX_TOLD = 5;

/** Say on stderr which values became plain data on the way. */
export function tellPlainNotes(notes: readonly PlainNote[], terminal: Terminal): void {
  if (notes.length === 0) return;
  const what = plural(notes.length, "value");
  terminal.stderr.write(`note: ${what} that torch.load(weights_only=True) refuses became plain data\n`);
  for (const { path, className, became } of notes.slice(0, MAX_TOLD)) {
    terminal.stderr.write(printable(`  ${path}: ${className} is now ${became}`) + "\n");
  }
  if (notes.length > MAX_TOLD) terminal.stderr.write(`  and ${notes.length - MAX_TOLD} more (--json lists them)\n`);
}

/** The same for --json. */
export function plainNotesJson(notes: readonly PlainNote[]): object[] {
  return notes.map(({ path, className, became }) => ({ path, class: className, became }));
}
