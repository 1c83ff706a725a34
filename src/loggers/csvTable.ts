import { parse } from "csv-parse/sync";

/** Python's csv module quotes a field that holds one of these. */
const NEEDS_QUOTES = /[",\r\n]/;

/** One row as Excel's dialect has it, with CRLF. */
export function csvLine(fields: readonly string[]): string {
  const quoted = fields.map((field) => (NEEDS_QUOTES.test(field) ? `"${field.replaceAll('"', '""')}"` : field));
  // A row of one empty field would be an empty line, which readers skip.
  return `${quoted.length === 1 && quoted[0] === "" ? '""' : quoted.join(",")}\r\n`;
}

/** The rows of a CSV text by column name, as csv.DictReader reads them; what a crash cut short at the end is left out. */
export function csvRows(text: string): Map<string, string>[] {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const [header = [], ...rows] = parse(whole, { relax_column_count: true, skip_empty_lines: true, relax_quotes: true });
  return rows.map((row) => new Map(header.map((name, i) => [name, row[i] ?? ""])));
}
