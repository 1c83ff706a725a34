import { GROUND, PALETTE } from "./palette.js";
import type { Place } from "./raster.js";
import { Raster } from "./raster.js";
import type { Scale } from "./scale.js";
import { scalesOf, valueText } from "./scale.js";
import type { Chart, Point } from "./series.js";
import { factsOf, thinned } from "./series.js";
import { strokesOf, strokeWidth } from "./strokeFont.js";

/** Pixels of the picture per CSS pixel: for screens with fine ones, and for slides. */
const DENSITY = 2;
const WIDTH = 760;
const PLOT_HEIGHT = 230;
const MARGIN = { left: 62, right: 18, top: 40, bottom: 48 } as const;
const LEGEND_LINE = 20;
/** CSS pixels per unit of the stroke font: capitals 8 px high. */
const SMALL = 1.35;
const LARGE = 1.75;
const COLORS = GROUND.light;

/** Charts below one another as a PNG file, on light ground. */
export function pngDocument(charts: readonly Chart[]): Uint8Array {
  const heights = charts.map(
    (chart) => MARGIN.top + legendLines(chart).length * LEGEND_LINE + PLOT_HEIGHT + MARGIN.bottom,
  );
  const height = heights.reduce((sum, each) => sum + each, 16);
  const raster = new Raster(WIDTH * DENSITY, height * DENSITY, COLORS.page);
  let top = 8;
  for (const [i, chart] of charts.entries()) {
    draw(chart, new Sheet(raster, top));
    top += heights[i] ?? 0;
  }
  return raster.png();
}

/** A part of the picture in CSS pixels from its top. */
class Sheet {
  readonly #raster: Raster;
  readonly #top: number;

  constructor(raster: Raster, top: number) {
    this.#raster = raster;
    this.#top = top;
  }

  lines(lines: readonly (readonly Place[])[], color: string, thickness: number, opacity = 1): void {
    const placed = lines.map((line) => line.map(([x, y]): Place => [x * DENSITY, (y + this.#top) * DENSITY]));
    this.#raster.strokes(placed, color, thickness * DENSITY, opacity);
  }

  /** Text whose capitals stand on `y`; `anchor` is the part of it that lies left of `x`. */
  text(text: string, x: number, y: number, color: string, scale = SMALL, anchor = 0): void {
    const left = x - strokeWidth(text) * scale * anchor;
    const lines = strokesOf(text).map((line) => line.map(([u, v]): Place => [left + u * scale, y + (v - 6) * scale]));
    this.lines(lines, color, scale * 0.85);
  }
}

function draw(chart: Chart, sheet: Sheet): void {
  const legend = legendLines(chart);
  sheet.text(chart.title, MARGIN.left, 24, COLORS.text, LARGE);
  for (const [row, entries] of legend.entries()) {
    for (const { x, text, color } of entries) {
      const y = MARGIN.top + row * LEGEND_LINE + 8;
      sheet.lines([[[x + 4, y - 4]]], PALETTE[color]?.light ?? COLORS.text, 8);
      sheet.text(text, x + 15, y, COLORS.text);
    }
  }
  const top = MARGIN.top + legend.length * LEGEND_LINE;
  const width = WIDTH - MARGIN.left - MARGIN.right;
  const scales = scalesOf(chart, { x: Math.floor(width / 80), y: Math.floor(PLOT_HEIGHT / 48) });
  const px = (value: number): number => MARGIN.left + scales.x.place(value) * width;
  const py = (value: number): number => top + (1 - scales.y.place(value)) * PLOT_HEIGHT;
  for (const tick of scales.y.ticks) {
    sheet.lines(
      [
        [
          [MARGIN.left, py(tick)],
          [MARGIN.left + width, py(tick)],
        ],
      ],
      COLORS.grid,
      1,
    );
    sheet.text(scales.y.text(tick), MARGIN.left - 9, py(tick) + 4, COLORS.muted, SMALL, 1);
  }
  const bottom = top + PLOT_HEIGHT;
  sheet.lines(
    [
      [
        [MARGIN.left, bottom],
        [MARGIN.left + width, bottom],
      ],
    ],
    COLORS.line,
    1,
  );
  for (const tick of scales.x.ticks) {
    const atEnd = px(tick) > MARGIN.left + width - 20;
    sheet.text(scales.x.text(tick), px(tick), bottom + 16, COLORS.muted, SMALL, atEnd ? 1 : 0.5);
  }
  sheet.text(chart.xLabel, MARGIN.left + width / 2, bottom + 33, COLORS.muted, SMALL, 0.5);
  for (const { points, raw, color } of chart.series) {
    const ink = PALETTE[color]?.light ?? COLORS.text;
    if (raw !== undefined) sheet.lines(curves(raw, scales.y, px, py, width), ink, 1, 0.28);
    sheet.lines(curves(points, scales.y, px, py, width), ink, 1.75);
  }
}

function curves(
  points: readonly Point[],
  scale: Scale,
  px: (value: number) => number,
  py: (value: number) => number,
  width: number,
): Place[][] {
  const lines: Place[][] = [[]];
  for (const { x, y } of thinned(points, width)) {
    if (Number.isFinite(scale.place(y))) lines.at(-1)?.push([px(x), py(y)]);
    else lines.push([]);
  }
  return lines;
}

interface LegendEntry {
  readonly x: number;
  readonly text: string;
  readonly color: number;
}

function legendLines(chart: Chart): LegendEntry[][] {
  const lines: LegendEntry[][] = [[]];
  let x: number = MARGIN.left;
  for (const { label, points, color } of chart.series) {
    const { last } = factsOf(points);
    const text = last === null ? label : `${label}  ${valueText(last.y)}`;
    const width = 15 + strokeWidth(text) * SMALL + 20;
    if (x > MARGIN.left && x + width > WIDTH - MARGIN.right) {
      lines.push([]);
      x = MARGIN.left;
    }
    lines.at(-1)?.push({ x, text, color });
    x += width;
  }
  return lines;
}
