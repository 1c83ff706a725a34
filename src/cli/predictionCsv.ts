import type { FieldRows } from "./predictionRows.js";
import { fieldName } from "./predictionRows.js";

/** The column that says which file a row is of. */
const FILE_COLUMN = "file";

/** The first line: a column for each number of an example, such as logits.0 and logits.1. */
export function csvHeader(fields: readonly FieldRows[], hasNames: boolean): string {
  const columns = fields.flatMap((rows) => columnsOf(fieldName(rows.field), rows.shape));
  return `${[...(hasNames ? [FILE_COLUMN] : []), ...columns].map(quoted).join(",")}\n`;
}

/** A line for each example. */
export function csvRows(fields: readonly FieldRows[], count: number, names: readonly string[] | null): string {
  let text = "";
  for (let row = 0; row < count; row += 1) {
    const cells: string[] = names === null ? [] : [quoted(names[row] ?? "")];
    for (const { values, size, text: numberText } of fields) {
      for (let i = row * size; i < (row + 1) * size; i += 1) cells.push(numberText(values[i] ?? 0));
    }
    text += `${cells.join(",")}\n`;
  }
  return text;
}

function columnsOf(name: string, shape: readonly number[]): string[] {
  const [size, ...rest] = shape;
  if (size === undefined) return [name];
  return Array.from({ length: size }, (_, i) => columnsOf(`${name}.${i}`, rest)).flat();
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
