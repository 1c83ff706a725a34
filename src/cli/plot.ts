import { extname } from "node:path";
import type { JsonValue } from "../checkpoint/jsonValue.js";
import { jsonNumber } from "../checkpoint/jsonValue.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import type { Paint } from "../plot/brailleChart.js";
import { brailleChart, seriesLetter } from "../plot/brailleChart.js";
import { PALETTE } from "../plot/palette.js";
import { valueText } from "../plot/scale.js";
import type { Chart } from "../plot/series.js";
import { factsOf } from "../plot/series.js";
import { chartMetrics } from "../runs/chartMetrics.js";
import { locateRun, shortNames } from "../runs/locateRun.js";
import type { MetricTable } from "../runs/metricTable.js";
import { METRIC_FILES, readMetrics } from "../runs/metricTable.js";
import { writeJson, SCHEMA_VERSION } from "./jsonWriter.js";
import { printable } from "./printable.js";
import { plural } from "./units.js";
import { writeNewFile } from "./writeNewFile.js";
import { displayWidth, shortened } from "./textWidth.js";

/** What `plot` was asked for. */
export interface PlotOptions {
  readonly runs: readonly string[];
  /** Names or globs; none: every metric. */
  readonly metric: readonly string[];
  readonly log: boolean;
  readonly smooth: number;
  readonly output?: string;
  readonly force: boolean;
  readonly json: boolean;
}

/** A run and what it logged. */
export interface LoggedRun {
  readonly folder: string;
  readonly name: string;
  readonly metrics: MetricTable["metrics"];
}

/** Rows of a chart on the terminal. */
const ROWS = 12;
const WIDEST = 160;

/** `ltrain plot`: the curves of some runs. Gives the exit code. */
export async function runPlot(options: PlotOptions, terminal: Terminal): Promise<number> {
  const runs = await readRuns(options.runs.length === 0 ? ["."] : options.runs, terminal);
  const { metric: metrics, log, smooth } = options;
  const charts = chartMetrics(runs, { metrics, log, smooth });
  if (options.json) {
    await writeJson(jsonOf(runs, charts, options), undefined, terminal.stdout);
    return 0;
  }
  if (options.output !== undefined) {
    const bytes = await fileOf(charts, runs, options.output);
    await writeNewFile(options.output, bytes, options.force);
    terminal.stderr.write(`wrote ${options.output}: ${plural(charts.length, "chart")}\n`);
    return 0;
  }
  terminal.stdout.write(charts.map((chart) => drawn(chart, terminal)).join("\n"));
  return 0;
}

/** The runs that some paths mean, with their metrics; where a folder holds several, the one that is taken is told. */
export async function readRuns(paths: readonly string[], terminal: Terminal): Promise<LoggedRun[]> {
  const folders: string[] = [];
  for (const path of paths) {
    const folder = await locateRun(path);
    if (folder !== path) terminal.stderr.write(`the newest run: ${folder}\n`);
    if (!folders.includes(folder)) folders.push(folder);
  }
  const names = shortNames(folders);
  const runs: LoggedRun[] = [];
  for (const [i, folder] of folders.entries()) {
    const table = await readMetrics(folder);
    if (table === null || table.metrics.size === 0) throw noMetrics(folder, table);
    runs.push({ folder, name: names[i] ?? folder, metrics: table.metrics });
  }
  return runs;
}

function noMetrics(folder: string, table: MetricTable | null): LtrainError {
  if (table !== null) return new LtrainError("data.missing", `${table.file} holds no metrics yet`);
  return new LtrainError("data.missing", `there is no ${METRIC_FILES.join(" and no ")} in ${folder}`, {
    hint: "a CSVLogger (the default) or a JSONLinesLogger writes them; docs/logging.md",
  });
}

/** What stands in a line of the legend before its label and between label and facts. */
const LEGEND_INDENT = 7;
/** Columns that a label leaves for the last value and all else. */
const LEGEND_MARGIN = 40;

function drawn(chart: Chart, { stdout }: Terminal): string {
  const paint: Paint = (text, color) => {
    if (!stdout.hasColor || text === "") return text;
    return color < 0 ? `\x1b[2m${text}\x1b[22m` : `\x1b[${PALETTE[color]?.ansi ?? 39}m${text}\x1b[39m`;
  };
  const bold = (text: string): string => (stdout.hasColor ? `\x1b[1m${text}\x1b[22m` : text);
  const columns = Math.min(stdout.columns, WIDEST) - 1; // a full last column would wrap
  const labels = chart.series.map(({ label }) => shortened(printable(label), columns - LEGEND_MARGIN));
  const width = Math.max(...labels.map(displayWidth), 0);
  const legend = chart.series.map(({ points, color }, i) => {
    const { last, min, max, notFinite } = factsOf(points);
    const facts =
      last === null || min === null || max === null
        ? ["no values"]
        : [
            `last ${valueText(last.y)}`,
            `lowest ${valueText(min.y)} at ${min.x}`,
            `highest ${valueText(max.y)} at ${max.x}`,
          ];
    if (notFinite > 0) facts.splice(1, 0, `${notFinite} not finite`);
    const label = labels[i] ?? "";
    const room = columns - width - LEGEND_INDENT;
    while (facts.length > 1 && facts.join("  ").length > room) facts.pop(); // the least telling is the last
    const key = chart.series.length > 1 ? seriesLetter(i) : "•";
    return `   ${paint(key, color)} ${label}${" ".repeat(width - displayWidth(label))}  ${facts.join("  ")}`;
  });
  const title = chart.log ? `${printable(chart.title)} (logarithmic)` : printable(chart.title);
  return `${[bold(title), ...brailleChart(chart, { columns, rows: ROWS }, paint), ...legend].join("\n")}\n`;
}

async function fileOf(charts: readonly Chart[], runs: readonly LoggedRun[], path: string): Promise<Uint8Array> {
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
  switch (extname(path).toLowerCase()) {
    case ".svg":
      return utf8((await import("../plot/svgChart.js")).svgDocument(charts));
    case ".html":
    case ".htm":
      return utf8(await pageOf(charts, runs));
    case ".png":
      return (await import("../plot/pngChart.js")).pngDocument(charts);
    default:
      throw new LtrainError("argument.invalid", `the name ${path} says no format`, {
        hint: "end it in .svg, .png or .html",
      });
  }
}

async function pageOf(charts: readonly Chart[], runs: readonly LoggedRun[]): Promise<string> {
  const { htmlPage } = await import("../plot/htmlPage.js");
  const { chartFigures, READOUT_CSS, READOUT_SCRIPT } = await import("../plot/figures.js");
  const { escapeMarkup } = await import("../plot/escapeMarkup.js");
  const title = runs.map(({ name }) => name).join(", ");
  const body = `<main><h1>${escapeMarkup(title)}</h1><h2>Curves</h2>${chartFigures(charts)}</main>`;
  return htmlPage({ title, body, css: READOUT_CSS, script: READOUT_SCRIPT });
}

function jsonOf(
  runs: readonly LoggedRun[],
  charts: readonly Chart[],
  { smooth }: PlotOptions,
): Record<string, JsonValue> {
  return {
    schema_version: SCHEMA_VERSION,
    runs: runs.map(({ folder, name }) => ({ name, path: folder })),
    smooth,
    charts: charts.map(({ title, xLabel, series }) => ({
      title,
      x: xLabel,
      series: series.map(({ label, points }) => ({
        label,
        x: points.map((point) => jsonNumber(point.x)),
        y: points.map((point) => jsonNumber(point.y)),
      })),
    })),
  };
}
