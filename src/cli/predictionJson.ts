import type { FieldRows } from "./predictionRows.js";
import { ONLY_FIELD } from "./predictionRows.js";

/** A piece of JSON that is being put together: text, or a list or an object of pieces. */
type Piece = string | Piece[] | Map<string, Piece>;

/** A JSON object for each example, nested as predictStep nests it; where it gives a tensor or a list, under "prediction". */
export function jsonRows(fields: readonly FieldRows[], count: number, names: readonly string[] | null): string {
  let text = "";
  for (let row = 0; row < count; row += 1) {
    const object = new Map<string, Piece>();
    if (names !== null) object.set("file", JSON.stringify(names[row] ?? ""));
    for (const rows of fields) {
      const { path } = rows.field;
      put(object, typeof path[0] === "string" ? path : [ONLY_FIELD, ...path], valueText(rows, row));
    }
    text += `${pieceText(object)}\n`;
  }
  return text;
}

function put(into: Map<string, Piece>, path: readonly (string | number)[], value: string): void {
  let place: Map<string, Piece> | Piece[] = into;
  path.forEach((key, i) => {
    const isLast = i === path.length - 1;
    const next: Piece = isLast ? value : typeof path[i + 1] === "number" ? [] : new Map<string, Piece>();
    place = child(place, key, next) as Map<string, Piece> | Piece[];
  });
}

/** What stands at `key`; `fresh` when nothing does. */
function child(place: Map<string, Piece> | Piece[], key: string | number, fresh: Piece): Piece {
  const known = place instanceof Map ? place.get(String(key)) : place[Number(key)];
  if (known !== undefined) return known;
  if (place instanceof Map) place.set(String(key), fresh);
  else place[Number(key)] = fresh;
  return fresh;
}

/** In lists, null stands for what --key has left out. */
function pieceText(piece: Piece): string {
  if (typeof piece === "string") return piece;
  if (Array.isArray(piece))
    return `[${Array.from(piece, (item?: Piece) => (item === undefined ? "null" : pieceText(item))).join(",")}]`;
  return `{${[...piece].map(([key, item]) => `${JSON.stringify(key)}:${pieceText(item)}`).join(",")}}`;
}

function valueText({ field, values, shape, size, text }: FieldRows, row: number): string {
  const numberText = (value: number): string => {
    if (field.tensor.dtype === "bool") return value === 0 ? "false" : "true";
    // JSON has no word for NaN and infinities.
    return Number.isFinite(value) ? text(value) : `"${String(value)}"`;
  };
  const at = (start: number, dims: readonly number[]): string => {
    const [length, ...rest] = dims;
    if (length === undefined) return numberText(values[start] ?? 0);
    const step = rest.reduce((product, each) => product * each, 1);
    return `[${Array.from({ length }, (_, i) => at(start + i * step, rest)).join(",")}]`;
  };
  return at(row * size, shape);
}
