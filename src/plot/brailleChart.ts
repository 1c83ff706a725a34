import type { Scale } from "./scale.js";
import { scalesOf } from "./scale.js";
import type { Chart, Point } from "./series.js";

/** How much room a chart has, in characters. */
export interface BrailleSize {
  readonly columns: number;
  readonly rows: number;
}

/** Paints a piece of text in the color of a series; -1 is the axes'. */
export type Paint = (text: string, color: number) => string;

/** The dot of a braille cell at column 0 or 1 and row 0 to 3 (U+2800 and the bits above it). */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;
const AXIS = -1;

/** A letter for each series, which tells them apart where there are no colors. */
export function seriesLetter(index: number): string {
  return String.fromCharCode(97 + (index % 26));
}

/** A chart as lines of text: a curve of braille dots per series, its letter at its end, axes with their ticks. */
export function brailleChart(chart: Chart, size: BrailleSize, paint: Paint): string[] {
  // Of a smoothed curve there is no room to show what it was.
  const shown = { ...chart, series: chart.series.map(({ label, points, color }) => ({ label, points, color })) };
  const scales = scalesOf(shown, {
    x: Math.max(2, Math.floor(size.columns / 12)),
    y: Math.max(2, Math.floor(size.rows / 3)),
  });
  const labels = new Map<number, string>();
  for (const tick of scales.y.ticks) {
    const row = Math.round((1 - scales.y.place(tick)) * (size.rows - 1));
    if (row >= 0 && row < size.rows) labels.set(row, scales.y.text(tick));
  }
  const margin = Math.max(...[...labels.values()].map(({ length }) => length), 1);
  const several = chart.series.length > 1;
  const columns = Math.max(size.columns - margin - 3 - (several ? 2 : 0), 8);
  const canvas = new BrailleCanvas(columns, size.rows);
  for (const series of chart.series) {
    canvas.curve(series.points, scales, series.color);
  }
  const letters = several
    ? endLetters(chart, scales.y, size.rows)
    : new Map<number, { letter: string; color: number }>();
  const lines = canvas.lines(paint).map((line, row) => {
    const label = labels.get(row);
    const end = letters.get(row);
    const axis = paint(`${(label ?? "").padStart(margin)} ${label === undefined ? "│" : "┤"}`, AXIS);
    return ` ${axis}${line}${end === undefined ? "" : ` ${paint(end.letter, end.color)}`}`;
  });
  return [...lines, ...xAxis(scales.x, chart.xLabel, { margin, columns }, paint)];
}

/** The letter of each series at the height of its last value; where that row is taken, the next free one. */
function endLetters(chart: Chart, y: Scale, rows: number): Map<number, { letter: string; color: number }> {
  const taken = new Map<number, { letter: string; color: number }>();
  for (const [index, { points, color }] of chart.series.entries()) {
    const last = points.findLast((point) => Number.isFinite(y.place(point.y)));
    if (last === undefined) continue;
    const wanted = Math.min(Math.max(Math.round((1 - y.place(last.y)) * (rows - 1)), 0), rows - 1);
    const free = Array.from({ length: 2 * rows }, (_, i) => wanted + (i % 2 === 0 ? i / 2 : -(i + 1) / 2));
    const row = free.find((each) => each >= 0 && each < rows && !taken.has(each));
    if (row !== undefined) taken.set(row, { letter: seriesLetter(index), color });
  }
  return taken;
}

function xAxis(
  x: Scale,
  name: string,
  { margin, columns }: { margin: number; columns: number },
  paint: Paint,
): string[] {
  const rule = Array.from({ length: columns }, () => "─");
  const text = Array.from({ length: columns + 1 }, () => " ");
  const write = (label: string, at: number): void => {
    const start = Math.min(Math.max(at, 0), columns - label.length);
    if (start < 0) return;
    const isFree = text.slice(Math.max(start - 1, 0), start + label.length + 1).every((each) => each === " ");
    if (isFree) for (const [i, character] of Array.from(label).entries()) text[start + i] = character;
  };
  write(name, columns - name.length);
  for (const tick of x.ticks) {
    const at = Math.round(x.place(tick) * (columns - 1));
    rule[at] = "┬";
    const label = x.text(tick);
    write(label, at - Math.floor(label.length / 2));
  }
  const indent = " ".repeat(margin + 2);
  return [paint(`${indent}└${rule.join("")}`, AXIS), paint(`${indent} ${text.join("")}`.trimEnd(), AXIS)];
}

/** A grid of cells of 2 by 4 dots; a cell has the color of the curve that came last. */
class BrailleCanvas {
  readonly #columns: number;
  readonly #rows: number;
  readonly #bits: Uint8Array;
  readonly #colors: Int16Array;

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#rows = rows;
    this.#bits = new Uint8Array(columns * rows);
    this.#colors = new Int16Array(columns * rows).fill(AXIS);
  }

  curve(points: readonly Point[], { x, y }: { readonly x: Scale; readonly y: Scale }, color: number): void {
    let before: readonly [number, number] | null = null;
    for (const point of points) {
      const place = [
        Math.round(x.place(point.x) * (2 * this.#columns - 1)),
        Math.round((1 - y.place(point.y)) * (4 * this.#rows - 1)),
      ] as const;
      if (!place.every(Number.isFinite)) {
        before = null;
        continue;
      }
      this.#line(before ?? place, place, color);
      before = place;
    }
  }

  lines(paint: Paint): string[] {
    return Array.from({ length: this.#rows }, (_, row) => {
      let line = "";
      let [run, color] = ["", AXIS];
      for (let column = 0; column < this.#columns; column += 1) {
        const cell = row * this.#columns + column;
        const bits = this.#bits[cell] ?? 0;
        const next = this.#colors[cell] ?? AXIS;
        if (next !== color && bits !== 0) {
          line += run === "" ? "" : paint(run, color);
          [run, color] = ["", next];
        }
        run += bits === 0 ? " " : String.fromCharCode(0x2800 + bits);
      }
      return line + (run === "" ? "" : paint(run, color));
    });
  }

  /** Bresenham's. */
  #line([x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number], color: number): void {
    const [dx, dy] = [Math.abs(x1 - x0), -Math.abs(y1 - y0)];
    const [sx, sy] = [x0 < x1 ? 1 : -1, y0 < y1 ? 1 : -1];
    let [x, y, error] = [x0, y0, dx + dy];
    for (;;) {
      this.#dot(x, y, color);
      if (x === x1 && y === y1) return;
      const twice = 2 * error;
      if (twice >= dy) [error, x] = [error + dy, x + sx];
      if (twice <= dx) [error, y] = [error + dx, y + sy];
    }
  }

  #dot(x: number, y: number, color: number): void {
    const [column, row] = [x >> 1, y >> 2];
    if (column < 0 || column >= this.#columns || row < 0 || row >= this.#rows) return;
    const cell = row * this.#columns + column;
    this.#bits[cell] = (this.#bits[cell] ?? 0) | (DOTS[y & 3]?.[x & 1] ?? 0);
    this.#colors[cell] = color;
  }
}
