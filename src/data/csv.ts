import { parse } from "csv-parse/sync";
import { LtrainError } from "../errors.js";
import { didYouMean } from "../nearest.js";

/** The numbers of a CSV file, row by row, in the file's order of columns. */
export interface CsvTable {
  readonly columns: readonly string[];
  readonly rows: number;
  /** Row-major: cell (row, column) is at row * columns.length + column. */
  readonly values: Float64Array;
}

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/** What makes a cell: digits as Number reads them, and the ways to write what is not finite. */
const NOT_FINITE: Readonly<Record<string, number>> = {
  nan: NaN,
  inf: Infinity,
  "+inf": Infinity,
  "-inf": -Infinity,
  infinity: Infinity,
  "-infinity": -Infinity,
};

/** A CSV text with a header and numbers below it. A complaint names file, line and column; `name` is the file. */
export function readCsv(text: string, name: string): CsvTable {
  const records = parseRecords(text, name);
  const header = records[0];
  if (header === undefined) throw new LtrainError("data.malformed", `${name}: the file is empty`);
  const columns = header.record.map((column) => column.trim());
  checkHeader(columns, text, name, header.info.lines);
  const rows = records.length - 1;
  const values = new Float64Array(rows * columns.length);
  for (let row = 0; row < rows; row += 1) {
    const { record, info } = records[row + 1] ?? { record: [], info: { lines: 0 } };
    if (record.length !== columns.length) {
      throw new LtrainError(
        "data.malformed",
        `${name}:${info.lines}:1: the header has ${columns.length} columns, this line has ${record.length}`,
      );
    }
    for (let column = 0; column < columns.length; column += 1) {
      const cell = (record[column] ?? "").trim();
      const value = cell === "" ? undefined : (NOT_FINITE[cell.toLowerCase()] ?? Number(cell));
      if (value === undefined || (Number.isNaN(value) && cell.toLowerCase() !== "nan")) {
        const place = `${name}:${info.lines}:${columnOf(text, info.lines, column)}`;
        const found = cell === "" ? "nothing" : `"${cell}"`;
        throw new LtrainError(
          "data.malformed",
          `${place}: expected a number for "${columns[column] ?? ""}", found ${found}`,
          {
            hint: "every column must be numeric; leave out the others, or encode them as numbers",
          },
        );
      }
      values[row * columns.length + column] = value;
    }
  }
  return { columns, rows, values };
}

/** Where a column stands; data.malformed with the nearest name when there is none of that name. */
export function columnIndex(table: CsvTable, column: string, name: string): number {
  const index = table.columns.indexOf(column);
  if (index !== -1) return index;
  throw new LtrainError(
    "data.malformed",
    `${name}:1:1: there is no column "${column}"; there are ${table.columns.join(", ")}`,
    {
      hint: didYouMean(column, table.columns) ?? "name one of the header's columns",
    },
  );
}

function parseRecords(text: string, name: string): readonly CsvRecord[] {
  try {
    return parse(text, {
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as CsvRecord[];
  } catch (error) {
    const { message, lines } = error as { readonly message: string; readonly lines?: number };
    throw new LtrainError(
      "data.malformed",
      `${name}:${lines ?? 1}:1: ${message.charAt(0).toLowerCase()}${message.slice(1)}`,
      {
        cause: error,
      },
    );
  }
}

function checkHeader(columns: readonly string[], text: string, name: string, line: number): void {
  const seen = new Set<string>();
  for (const [i, column] of columns.entries()) {
    const place = `${name}:${line}:${columnOf(text, line, i)}`;
    if (column !== "" && !Number.isNaN(Number(column))) {
      throw new LtrainError("data.malformed", `${place}: expected a header with column names, found "${column}"`, {
        hint: "put a first line with a name for every column",
      });
    }
    if (column === "" || seen.has(column)) {
      const what = column === "" ? "a column without a name" : `the column "${column}" twice`;
      throw new LtrainError("data.malformed", `${place}: the header has ${what}`);
    }
    seen.add(column);
  }
}

/** The character, from 1, at which a cell begins in its line; only looked for when there is something to complain of. */
function columnOf(text: string, line: number, column: number): number {
  const content = text.split(/\r\n|\n|\r/)[line - 1] ?? "";
  let at = 0;
  let isQuoted = false;
  for (let left = column; left > 0 && at < content.length; at += 1) {
    if (content[at] === '"') isQuoted = !isQuoted;
    else if (content[at] === "," && !isQuoted) left -= 1;
  }
  return at + 1;
}
