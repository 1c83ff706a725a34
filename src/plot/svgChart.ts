import { escapeMarkup } from "./escapeMarkup.js";
import { PALETTE, paletteCss } from "./palette.js";
import type { Scale } from "./scale.js";
import { scalesOf, valueText } from "./scale.js";
import type { Chart, Point } from "./series.js";
import { factsOf, thinned } from "./series.js";

/** The size of a drawing in CSS pixels. */
export interface SvgSize {
  readonly width: number;
  readonly height: number;
}

const MARGIN = { top: 8, right: 14, bottom: 34, left: 52 } as const;
const TITLE_HEIGHT = 28;
const LEGEND_LINE = 20;

/** How charts look; the colors are variables of the palette. */
export const CHART_CSS = `.chart text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--muted)}
.chart .grid{stroke:var(--grid);stroke-width:1}.chart .axis{stroke:var(--line);stroke-width:1}
.chart .curve{fill:none;stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round}.chart .raw{opacity:.28;stroke-width:1}
.chart .title{font-size:14px;font-weight:600;fill:var(--text)}.chart .name{font-size:12px;fill:var(--text)}
${PALETTE.map((_, i) => `.chart .s${i}{stroke:var(--c${i})}.chart .f${i}{fill:var(--c${i})}`).join("\n")}`;

/** Where the curves of a chart of this size are: the plot's corner and size, in CSS pixels. */
export function plotArea({ width, height }: SvgSize): { x: number; y: number; width: number; height: number } {
  return {
    x: MARGIN.left,
    y: MARGIN.top,
    width: width - MARGIN.left - MARGIN.right,
    height: height - MARGIN.top - MARGIN.bottom,
  };
}

/** A chart as an SVG element without a legend; a sentence says to screen readers what is in it. */
export function svgChart(chart: Chart, size: SvgSize): string {
  const sentence = escapeMarkup(`${chart.title}. ${chart.series.map(describe).join(" ")}`);
  return `<svg class="chart" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${sentence}">${chartBody(chart, size)}</svg>`;
}

/** Charts with titles and legends below one another, as one SVG file. */
export function svgDocument(charts: readonly Chart[], size: SvgSize = { width: 760, height: 280 }): string {
  const blocks: string[] = [];
  let y = 16;
  for (const chart of charts) {
    const legend = legendOf(chart, size.width);
    const top = y + TITLE_HEIGHT + legend.lines * LEGEND_LINE;
    const title = `<text class="title" x="${MARGIN.left}" y="${y + 12}">${escapeMarkup(chart.title)}</text>`;
    blocks.push(
      `<g class="chart">${title}<g transform="translate(0 ${y + TITLE_HEIGHT})">${legend.markup}</g><g transform="translate(0 ${top})">${chartBody(chart, size)}</g></g>`,
    );
    y = top + size.height + 12;
  }
  const style = `<style>${paletteCss("svg")}\n${CHART_CSS}</style>`;
  const ground = `<rect width="100%" height="100%" style="fill:var(--page)"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${y}" viewBox="0 0 ${size.width} ${y}">${style}${ground}${blocks.join("\n")}</svg>\n`;
}

function chartBody(chart: Chart, size: SvgSize): string {
  const area = plotArea(size);
  const { x, y } = scalesOf(chart, { x: Math.floor(area.width / 80), y: Math.max(2, Math.floor(area.height / 48)) });
  const px = (value: number): number => rounded(area.x + x.place(value) * area.width);
  const py = (value: number): number => rounded(area.y + (1 - y.place(value)) * area.height);
  const bottom = area.y + area.height;
  const parts = y.ticks.map((tick) => {
    const line = `<path class="grid" d="M${area.x} ${py(tick)}H${area.x + area.width}"/>`;
    return `${line}<text x="${area.x - 8}" y="${rounded(py(tick) + 3.5)}" text-anchor="end">${y.text(tick)}</text>`;
  });
  parts.push(`<path class="axis" d="M${area.x} ${bottom}H${area.x + area.width}"/>`);
  for (const tick of x.ticks) {
    const anchor = px(tick) > area.x + area.width - 16 ? "end" : "middle";
    parts.push(`<text x="${px(tick)}" y="${bottom + 16}" text-anchor="${anchor}">${x.text(tick)}</text>`);
  }
  const middle = rounded(area.x + area.width / 2);
  parts.push(`<text x="${middle}" y="${bottom + 31}" text-anchor="middle">${escapeMarkup(chart.xLabel)}</text>`);
  for (const series of chart.series) {
    if (series.raw !== undefined)
      parts.push(curve(series.raw, { x, y }, { px, py }, `raw s${series.color}`, area.width));
    parts.push(curve(series.points, { x, y }, { px, py }, `s${series.color}`, area.width));
  }
  return parts.join("");
}

interface Places {
  readonly px: (value: number) => number;
  readonly py: (value: number) => number;
}

/** A path with a gap where the values have no place; a point alone is a dot. */
function curve(
  points: readonly Point[],
  { y }: { readonly x: Scale; readonly y: Scale },
  { px, py }: Places,
  kind: string,
  width: number,
): string {
  let path = "";
  let isDown = false;
  let alone = "";
  for (const point of thinned(points, Math.ceil(width))) {
    if (!Number.isFinite(y.place(point.y))) {
      path += alone;
      [isDown, alone] = [false, ""];
      continue;
    }
    path += `${isDown ? "L" : "M"}${px(point.x)} ${py(point.y)}`;
    alone = isDown ? "" : "h0"; // with round caps a line of no length is a dot
    isDown = true;
  }
  return `<path class="curve ${kind}" d="${path}${alone}"/>`;
}

/** Names with their color and their last value, in as many lines as they need. */
function legendOf(chart: Chart, width: number): { readonly markup: string; readonly lines: number } {
  let [x, line]: [number, number] = [MARGIN.left, 0];
  const entries = chart.series.map(({ label, points, color }) => {
    const { last } = factsOf(points);
    const text = last === null ? label : `${label}  ${valueText(last.y)}`;
    const needed = 26 + text.length * 6.6; // about what 12 px of a sans serif take
    if (x > MARGIN.left && x + needed > width - MARGIN.right) [x, line] = [MARGIN.left, line + 1];
    const at = x;
    x += needed + 10;
    const y = line * LEGEND_LINE;
    return `<circle class="f${color}" cx="${rounded(at + 4)}" cy="${y + 2}" r="4"/><text class="name" x="${rounded(at + 14)}" y="${y + 6}">${escapeMarkup(text)}</text>`;
  });
  return { markup: entries.join(""), lines: line + 1 };
}

function describe({ label, points }: Chart["series"][number]): string {
  const { last, min, max } = factsOf(points);
  if (last === null || min === null || max === null) return `${label}: no values.`;
  return `${label}: last ${valueText(last.y)}, lowest ${valueText(min.y)} at ${min.x}, highest ${valueText(max.y)} at ${max.x}.`;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
