import { escapeMarkup } from "./escapeMarkup.js";
import { scalesOf, valueText } from "./scale.js";
import type { Chart } from "./series.js";
import { factsOf, thinned } from "./series.js";
import { plotArea, svgChart } from "./svgChart.js";

/** Charts of a page have this size, and are scaled to their column. */
const SIZE = { width: 520, height: 260 } as const;

/** Charts as figures of a page: title, legend with last values, drawing, and the numbers for the script below. */
export function chartFigures(charts: readonly Chart[]): string {
  return `<div class="charts">${charts.map(figure).join("\n")}</div>`;
}

function figure(chart: Chart): string {
  const keys = chart.series.map(({ label, points, color }) => {
    const { last, notFinite } = factsOf(points);
    const value = last === null ? "" : ` <b>${valueText(last.y)}</b>`;
    const gaps = notFinite === 0 ? "" : ` (${notFinite} not finite)`;
    return `<span class="key"><i style="background:var(--c${color})"></i>${escapeMarkup(label)}${value}${gaps}</span>`;
  });
  const area = plotArea(SIZE);
  const { x, y } = scalesOf(chart, { x: Math.floor(area.width / 80), y: Math.max(2, Math.floor(area.height / 48)) });
  const data = {
    area,
    x: [x.min, x.max],
    y: [y.min, y.max],
    log: chart.log,
    series: chart.series.map(({ label, color, points }) => ({
      label,
      color,
      points: thinned(
        points.filter((point) => Number.isFinite(point.y)),
        area.width / 2,
      ).map((point) => [point.x, Number(point.y.toPrecision(6))]),
    })),
  };
  const head = `<h3>${escapeMarkup(chart.title)}</h3>${keys.join("")}`;
  return `<figure data-chart="${escapeMarkup(JSON.stringify(data))}"><figcaption>${head}</figcaption>${svgChart(chart, SIZE)}</figure>`;
}

/** Styles of the readout that follows the pointer. */
export const READOUT_CSS = `.readout{position:absolute;pointer-events:none;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:6px 9px;font-size:12px;line-height:1.45;box-shadow:0 2px 10px rgb(0 0 0/.12);white-space:nowrap;z-index:1;font-variant-numeric:tabular-nums}
.readout[hidden]{display:none}.readout div{display:flex;gap:7px;align-items:center}.readout i{width:8px;height:8px;border-radius:50%}
.cursor{stroke:var(--muted);stroke-width:1;stroke-dasharray:3 3}`;

/** Shows the values under the pointer; the page says all it has to say without it, too. */
export const READOUT_SCRIPT = `for (const figure of document.querySelectorAll("figure[data-chart]")) {
  const chart = JSON.parse(figure.dataset.chart);
  const svg = figure.querySelector("svg");
  const readout = figure.appendChild(document.createElement("div"));
  readout.className = "readout";
  readout.hidden = true;
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
  cursor.setAttribute("class", "cursor");
  const hide = () => { readout.hidden = true; cursor.remove(); };
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    const { area } = chart;
    const place = ((event.clientX - box.left) / scale - area.x) / area.width;
    if (place < -0.02 || place > 1.02) return hide();
    const wanted = chart.x[0] + place * (chart.x[1] - chart.x[0]);
    const near = chart.series.filter(({ points }) => points.length > 0).map((series) => {
      let [low, high] = [0, series.points.length - 1];
      while (high - low > 1) { const middle = (low + high) >> 1; if (series.points[middle][0] <= wanted) low = middle; else high = middle; }
      const point = Math.abs(series.points[low][0] - wanted) <= Math.abs(series.points[high][0] - wanted) ? series.points[low] : series.points[high];
      return { ...series, point };
    });
    if (near.length === 0) return hide();
    const step = near.reduce((best, { point }) => (Math.abs(point[0] - wanted) < Math.abs(best - wanted) ? point[0] : best), near[0].point[0]);
    const x = area.x + ((step - chart.x[0]) / (chart.x[1] - chart.x[0])) * area.width;
    for (const [name, value] of Object.entries({ x1: x, x2: x, y1: area.y, y2: area.y + area.height })) cursor.setAttribute(name, value);
    svg.append(cursor);
    readout.replaceChildren(...[["step " + step.toLocaleString("en"), null], ...near.map((each) => [each.label + "  " + each.point[1], each.color])].map(([text, color]) => {
      const line = document.createElement("div");
      if (color !== null) line.appendChild(document.createElement("i")).style.background = "var(--c" + color + ")";
      line.append(text);
      return line;
    }));
    readout.hidden = false;
    const left = x * scale + 14;
    readout.style.left = (left + readout.offsetWidth > box.width ? Math.max(0, x * scale - 14 - readout.offsetWidth) : left) + "px";
    readout.style.top = box.top - figure.getBoundingClientRect().top + area.y * scale + 4 + "px";
  });
}`;
