import type { ConsoleStream } from "../io/console.js";
import { printable } from "./printable.js";

/** A table to be shown: the first column is text, those in `numeric` stand at the right. */
export interface TableContent {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** A last row, set apart. */
  readonly total?: readonly string[];
  readonly numeric?: readonly number[];
  readonly indent?: string;
}

/** What a table must know of where it is shown. */
export type TableStream = Pick<ConsoleStream, "isTTY" | "columns" | "hasColor">;

const GAP = "  ";
/** cli-table3 compares every row with every other: 5,000 rows in one table would take seconds. */
const ROWS_AT_ONCE = 16;
/** A name is not cut shorter than this, however narrow the window. */
const MIN_NAME_WIDTH = 16;

/**
 * Rows as aligned lines without a frame. On a terminal the first column is cut in its middle where a line would wrap;
 * into a file or a pipe every name goes in full.
 */
export async function renderTable(content: TableContent, stream: TableStream): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const indent = content.indent ?? "";
  const rows = [content.head, ...content.rows, ...(content.total === undefined ? [] : [content.total])];
  const cells = fitFirstColumn(
    rows.map((row) => row.map(printable)),
    stream.isTTY ? stream.columns - indent.length : Infinity,
  );
  const widths = columnWidths(cells);
  const lines: string[] = [];
  for (let start = 0; start < cells.length; start += ROWS_AT_ONCE) {
    const table = new Table({
      chars: { ...NO_FRAME, middle: GAP },
      style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
    });
    const part = cells.slice(start, start + ROWS_AT_ONCE);
    table.push(
      ...part.map((row) => row.map((cell, column) => padded(cell, widths[column], isNumeric(content, column)))),
    );
    lines.push(
      ...table
        .toString()
        .split("\n")
        .map((line) => indent + line.trimEnd()),
    );
  }
  return (await decorate(lines, content.total !== undefined, stream.hasColor)).join("\n");
}

function isNumeric(content: TableContent, column: number): boolean {
  return content.numeric?.includes(column) === true;
}

/** Every part of a long table must get the same columns, so cells come at their full width. */
function padded(cell: string, width: number | undefined, isRight: boolean): string {
  const space = " ".repeat(Math.max(0, (width ?? 0) - displayWidth(cell)));
  return isRight ? space + cell : cell + space;
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
  }
  return widths;
}

/** Names to the left, what is known of them to the right: a table without a head. */
export function renderPairs(pairs: readonly (readonly [string, string])[], indent = "  "): string[] {
  const width = Math.max(0, ...pairs.map(([name]) => displayWidth(printable(name))));
  return pairs.map(([name, value]) => {
    const shown = printable(name);
    return `${indent}${shown}${" ".repeat(width - displayWidth(shown))}${GAP}${printable(value)}`.trimEnd();
  });
}

const NO_FRAME = Object.fromEntries(
  ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"]
    .concat(["left", "left-mid", "mid", "mid-mid", "right", "right-mid"])
    .map((name) => [name, ""]),
);

async function decorate(lines: readonly string[], hasTotal: boolean, hasColor: boolean): Promise<string[]> {
  if (!hasColor) return [...lines];
  const { Chalk } = await import("chalk");
  const chalk = new Chalk({ level: 1 });
  return lines.map((line, index) => {
    if (index === 0) return chalk.dim(line);
    return hasTotal && index === lines.length - 1 ? chalk.bold(line) : line;
  });
}

function fitFirstColumn(rows: readonly (readonly string[])[], columns: number): readonly (readonly string[])[] {
  const widths = columnWidths(rows);
  const others = widths.slice(1).reduce((sum, width) => sum + width + GAP.length, 0);
  const room = Math.max(MIN_NAME_WIDTH, columns - others);
  if ((widths[0] ?? 0) <= room) return rows;
  return rows.map(([first = "", ...rest]) => [shortened(first, room), ...rest]);
}

/** A text cut in the middle: names differ at both ends. */
export function shortened(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const characters = Array.from(text);
  const half = Math.floor((width - 1) / 2);
  return `${take(characters, width - 1 - half)}…${take(characters.reverse(), half, true)}`;
}

function take(characters: readonly string[], width: number, isReversed = false): string {
  const taken: string[] = [];
  let used = 0;
  for (const character of characters) {
    used += displayWidth(character);
    if (used > width) break;
    taken.push(character);
  }
  return (isReversed ? taken.reverse() : taken).join("");
}

/** Characters that take two columns: Chinese, Japanese, Korean, emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : /\p{Mark}/u.test(character) ? 0 : 1;
  return width;
}
