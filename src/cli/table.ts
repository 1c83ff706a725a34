import type { ConsoleStream } from "../io/console.js";
import { printable } from "./printable.js";
import { displayWidth, isPlain, shortened } from "./textWidth.js";

/** A table to be shown: the first column is text, those in `numeric` stand at the right. */
export interface TableContent {
  readonly head: readonly string[];
  /** Gone through twice: once for the widths, once for the lines. */
  readonly rows: Iterable<readonly string[]>;
  /** A last row, set apart. */
  readonly total?: readonly string[];
  readonly numeric?: readonly number[];
  readonly indent?: string;
}

/** What a table must know of where it is shown. */
export type TableStream = Pick<ConsoleStream, "isTTY" | "columns" | "hasColor">;

const GAP = "  ";
/** cli-table3 compares every row with every other: 5,000 rows would take seconds, and come out the same. */
const MAX_LAID_OUT = 32;
/** A name is not cut shorter than this, however narrow the window. */
const MIN_NAME_WIDTH = 16;
/** Lines that are written in one go: a long list is seen from its beginning, and ends early when nobody reads on. */
const LINES_AT_ONCE = 1000;

/**
 * Rows as aligned lines without a frame. On a terminal the first column is cut in its middle where a line would wrap;
 * into a file or a pipe every name goes in full.
 */
export async function renderTable(content: TableContent, stream: TableStream): Promise<string> {
  const cells = [...paddedRows(content, layoutOf(content, stream))];
  const lines = cells.length > MAX_LAID_OUT ? cells.map((row) => row.join(GAP)) : await laidOut(cells);
  const decorate = await decorator(content, stream, lines.length);
  return lines.map((line, index) => decorate((content.indent ?? "") + line.trimEnd(), index)).join("\n");
}

async function laidOut(cells: readonly string[][]): Promise<string[]> {
  const { default: Table } = await import("cli-table3");
  const table = new Table({
    chars: { ...NO_FRAME, middle: GAP },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  table.push(...cells);
  return table.toString().split("\n");
}

/** The same table, written as it is made: for lists that may be a hundred thousand lines long. */
export async function writeTable(content: TableContent, stream: ConsoleStream): Promise<void> {
  const layout = layoutOf(content, stream);
  const decorate = await decorator(content, stream, layout.lines);
  let pending: string[] = [];
  let index = 0;
  for (const cells of paddedRows(content, layout)) {
    pending.push(decorate((content.indent ?? "") + cells.join(GAP).trimEnd(), index));
    index += 1;
    if (pending.length < LINES_AT_ONCE) continue;
    stream.write(`${pending.join("\n")}\n`);
    pending = [];
    if (!(await stream.drained())) return;
  }
  if (pending.length > 0) stream.write(`${pending.join("\n")}\n`);
}

interface Layout {
  readonly widths: readonly number[];
  readonly lines: number;
  /** The rows, where there are so few that they need not be made again. */
  readonly rows: readonly (readonly string[])[] | undefined;
}

/** Up to here rows are kept from the first time they are gone through to the second. */
const MAX_KEPT = 4096;

function* everyRow({ head, rows, total }: TableContent): Generator<readonly string[]> {
  yield head;
  yield* rows;
  if (total !== undefined) yield total;
}

function layoutOf(content: TableContent, stream: TableStream): Layout {
  const widths: number[] = content.head.map(() => 0);
  let kept: (readonly string[])[] | undefined = [];
  let lines = 0;
  let last: readonly string[] = [];
  for (const row of everyRow(content)) {
    lines += 1;
    if (kept !== undefined && kept.push(row) > MAX_KEPT) kept = undefined;
    for (let column = 0; column < row.length; column += 1) {
      const cell = row[column] ?? "";
      if (cell === last[column]) continue; // rows of a kind follow each other
      const width = isPlain(cell) ? cell.length : displayWidth(printable(cell));
      if (width > (widths[column] ?? 0)) widths[column] = width;
    }
    last = row;
  }
  if (stream.isTTY) {
    const others = widths.slice(1).reduce((sum, width) => sum + width + GAP.length, 0);
    const room = Math.max(MIN_NAME_WIDTH, stream.columns - (content.indent ?? "").length - others);
    widths[0] = Math.min(widths[0] ?? 0, room);
  }
  return { widths, lines, rows: kept };
}

/** Every part of a long table must get the same columns, so cells come at their full width. */
function* paddedRows(content: TableContent, { widths, rows }: Layout): Generator<string[]> {
  const isRight = widths.map((_, column) => content.numeric?.includes(column) === true);
  let last: readonly string[] = [];
  let lastPadded: readonly string[] = [];
  for (const row of rows ?? everyRow(content)) {
    const padded: string[] = [];
    for (let column = 0; column < row.length; column += 1) {
      const cell = row[column] ?? "";
      const same = cell === last[column] ? lastPadded[column] : undefined;
      padded.push(same ?? paddedCell(cell, widths[column] ?? 0, isRight[column] === true, column === 0));
    }
    yield padded;
    last = row;
    lastPadded = padded;
  }
}

function paddedCell(cell: string, width: number, isRight: boolean, isName: boolean): string {
  // The length of plain text is its width, so that it can be filled up as it is.
  if (cell.length <= width && isPlain(cell)) return isRight ? cell.padStart(width) : cell.padEnd(width);
  const shown = printable(cell);
  const text = isName ? shortened(shown, width) : shown;
  const space = " ".repeat(Math.max(0, width - displayWidth(text)));
  return isRight ? space + text : text + space;
}

/** Names to the left, what is known of them to the right: a table without a head. */
export function renderPairs(pairs: readonly (readonly [string, string])[], indent = "  "): string[] {
  const width = pairs.reduce((widest, [name]) => Math.max(widest, displayWidth(printable(name))), 0);
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

type Decorate = (line: string, index: number) => string;

/** The head is dim and the total bold, where colours are wanted. */
async function decorator(content: TableContent, stream: TableStream, lines: number): Promise<Decorate> {
  if (!stream.hasColor) return (line) => line;
  const { Chalk } = await import("chalk");
  const chalk = new Chalk({ level: 1 });
  return (line, index) => {
    if (index === 0) return chalk.dim(line);
    return content.total !== undefined && index === lines - 1 ? chalk.bold(line) : line;
  };
}
