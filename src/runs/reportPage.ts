import { escapeMarkup } from "../plot/escapeMarkup.js";
import { chartFigures, READOUT_CSS, READOUT_SCRIPT } from "../plot/figures.js";
import { htmlPage } from "../plot/htmlPage.js";
import { colorOf } from "../plot/palette.js";
import { valueText } from "../plot/scale.js";
import type { Chart } from "../plot/series.js";
import type { ComparedKey } from "./compareRuns.js";
import { REPORT_CSS } from "./reportCss.js";
import type { ReportedRun } from "./reportData.js";
import { weightFigures } from "./weightFigures.js";

/** Words for numbers, which whoever prints has. */
export interface ReportWords {
  readonly bytes: (bytes: number) => string;
  readonly count: (count: number) => string;
  readonly date: (milliseconds: number) => string;
}

/** A report as one page of HTML that needs nothing else. */
export function reportPage(
  runs: readonly ReportedRun[],
  charts: readonly Chart[],
  differences: readonly ComparedKey[],
  words: ReportWords,
): string {
  const [first] = runs;
  const single = runs.length === 1 && first !== undefined;
  const title = single ? first.name : runs.map(({ name }) => name).join(", ");
  const isSmoothed = charts.some(({ series }) => series.some(({ raw }) => raw !== undefined));
  const how = isSmoothed ? `<p class="note lead">Smoothed; the values themselves are drawn faintly.</p>` : "";
  const curves = charts.length === 0 ? `<p class="note">Nothing was logged.</p>` : how + chartFigures(charts);
  const sections = [
    single ? header(first, words) : comparedHeader(runs.length),
    ...(single ? [facts(first, words)] : [comparison(runs, differences, words)]),
    `<section><h2>Curves</h2>${curves}</section>`,
    ...runs.map((run) => (single ? details(run, words) : folded(run, words))),
  ];
  const body = `<main>${sections.join("\n")}</main>`;
  return htmlPage({ title, body, css: READOUT_CSS + REPORT_CSS, script: READOUT_SCRIPT });
}

function header({ name, survey }: ReportedRun, words: ReportWords): string {
  const { record, path } = survey;
  const parts = [
    `started ${words.date(survey.date)}`,
    ...(record === null ? [] : [durationOf(record.seconds), `${record.engine} on ${record.device}`]),
    path,
  ];
  const failure =
    survey.state === "failed" && record?.reason != null ? `<p class="reason">${escapeMarkup(record.reason)}</p>` : "";
  const eyebrow = `Training run${survey.model === null ? "" : ` of ${survey.model}`}`;
  return `<header><p class="eyebrow">${escapeMarkup(eyebrow)}</p><div class="headline"><h1>${escapeMarkup(name)}</h1><span class="state ${survey.state}">${survey.state}</span></div><p class="muted">${parts.map(escapeMarkup).join(" · ")}</p>${failure}</header>`;
}

function comparedHeader(count: number): string {
  return `<header><p class="eyebrow">Training runs</p><div class="headline"><h1>${count} runs compared</h1></div></header>`;
}

function facts({ survey, parts, checkpoints }: ReportedRun, words: ReportWords): string {
  const { best, record } = survey;
  const parameters = parts.reduce((sum, part) => sum + part.parameters, 0);
  const shown: [string, string][] = [];
  if (best !== null) shown.push([`best ${best.name}`, valueText(best.value)]);
  if (survey.epochs !== null) shown.push(["epochs", words.count(survey.epochs)]);
  if (survey.globalStep !== null) shown.push(["steps", words.count(survey.globalStep)]);
  if (record !== null && record.seconds > 0 && record.global_step > 0) {
    shown.push(["time per step", timeText(record.seconds / record.global_step)]);
  }
  if (parameters > 0) shown.push(["parameters", shortCount(parameters)]);
  if (record?.flops_per_step != null) shown.push(["FLOPs per step", shortCount(record.flops_per_step)]);
  shown.push(["checkpoints", words.count(checkpoints.length)], ["on disk", words.bytes(survey.byteLength)]);
  return `<dl class="facts">${shown.map(([name, value]) => `<div><dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(value)}</dd></div>`).join("")}</dl>`;
}

function comparison(runs: readonly ReportedRun[], differences: readonly ComparedKey[], words: ReportWords): string {
  const rows = runs.map(({ name, survey }, i) => {
    const dot = `<i class="dot" style="background:var(--c${colorOf(i)})"></i>`;
    return [
      `${dot}${escapeMarkup(name)}`,
      `<span class="state ${survey.state}">${survey.state}</span>`,
      survey.best === null ? "" : escapeMarkup(`${survey.best.name} ${valueText(survey.best.value)}`),
      survey.epochs === null ? "" : words.count(survey.epochs),
      survey.globalStep === null ? "" : words.count(survey.globalStep),
      survey.record === null ? "" : durationOf(survey.record.seconds),
      words.bytes(survey.byteLength),
    ];
  });
  const overview = table(["run", "state", "best", "epochs", "steps", "time", "on disk"], rows, [3, 4, 5, 6]);
  const keys = differences.map(({ key, values }) => [
    `<code>${escapeMarkup(key)}</code>`,
    ...values.map((value) =>
      value === undefined ? `<span class="muted">–</span>` : `<code>${escapeMarkup(value)}</code>`,
    ),
  ]);
  const names = runs.map(({ name }) => name);
  const configs =
    keys.length === 0
      ? `<p class="note">Their configs do not differ.</p>`
      : `<h2>Where their configs differ</h2>${table(["key", ...names], keys, [])}`;
  return `<section>${overview}${configs}</section>`;
}

function folded(run: ReportedRun, words: ReportWords): string {
  return `<details><summary>${escapeMarkup(run.name)}</summary>${details(run, words)}</details>`;
}

/** What only one run has: its module, weights, checkpoints, config. */
function details(run: ReportedRun, words: ReportWords): string {
  return [model(run, words), weights(run), checkpointTable(run, words), config(run)].join("\n");
}

function model({ parts }: ReportedRun, words: ReportWords): string {
  if (parts.length === 0) return "";
  const total = parts.reduce((sum, part) => sum + part.parameters, 0);
  const trainable = parts.reduce((sum, part) => sum + part.trainable, 0);
  const typed = parts.some(({ type }) => type !== "");
  const rows = parts.map((part) => [
    `<code>${escapeMarkup(part.name === "" ? "(the module itself)" : part.name)}</code>`,
    ...(typed ? [escapeMarkup(part.type)] : []),
    words.count(part.parameters),
    ...(typed ? [words.count(part.trainable), words.bytes(4 * part.parameters)] : []),
  ]);
  const head = typed ? ["name", "type", "parameters", "trainable", "size"] : ["name", "parameters"];
  const sum = typed
    ? ["in all", "", words.count(total), words.count(trainable), words.bytes(4 * total)]
    : ["in all", words.count(total)];
  return `<section><h2>Model</h2>${table(head, rows, typed ? [2, 3, 4] : [1], sum)}</section>`;
}

function weights({ weights: found }: ReportedRun): string {
  if (found === null || found.histograms.length === 0) return "";
  return `<section><h2>Weights</h2><p class="note lead">How the numbers of each tensor in ${escapeMarkup(found.file)} are spread.</p>${weightFigures(found)}</section>`;
}

function checkpointTable({ checkpoints }: ReportedRun, words: ReportWords): string {
  if (checkpoints.length === 0) return "";
  const rows = checkpoints.map((each) => [
    `<code>${escapeMarkup(each.file)}</code>`,
    each.epoch === null ? "" : words.count(each.epoch),
    each.globalStep === null ? "" : words.count(each.globalStep),
    each.metric === null ? "" : escapeMarkup(`${each.metric.name} ${valueText(each.metric.value)}`),
    words.bytes(each.byteLength),
    words.date(each.modified),
    each.error === null ? "readable" : escapeMarkup(each.error.code.replace("checkpoint.", "")),
  ]);
  const head = ["file", "epoch", "step", "metric", "size", "written", "state"];
  return `<section><h2>Checkpoints</h2>${table(head, rows, [1, 2, 4])}</section>`;
}

function config({ config: found }: ReportedRun): string {
  if (found === null) return "";
  const name = found.file === "config.yaml" ? "Config" : "Hyperparameters";
  return `<section><h2>${name}</h2><pre tabindex="0">${escapeMarkup(found.text.trimEnd())}</pre></section>`;
}

/** Cells are markup; columns in `numeric` stand at the right. */
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numeric: readonly number[],
  total?: readonly string[],
): string {
  const kind = (column: number): string => (numeric.includes(column) ? ' class="n"' : "");
  const line = (cells: readonly string[], isTotal = false): string =>
    `<tr${isTotal ? ' class="total"' : ""}>${cells.map((cell, i) => `<td${kind(i)}>${cell}</td>`).join("")}</tr>`;
  const titles = head.map((title, i) => `<th scope="col"${kind(i)}>${escapeMarkup(title)}</th>`).join("");
  const last = total === undefined ? "" : line(total, true);
  return `<div class="scroll"><table><thead><tr>${titles}</tr></thead><tbody>${rows.map((row) => line(row)).join("")}${last}</tbody></table></div>`;
}

function durationOf(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}

function timeText(seconds: number): string {
  return seconds >= 1 ? `${seconds.toPrecision(3)} s` : `${Number((seconds * 1000).toPrecision(3))} ms`;
}

function shortCount(count: number): string {
  if (count < 10_000) return String(count);
  const [value, unit] = count < 1e6 ? [count / 1e3, "K"] : count < 1e9 ? [count / 1e6, "M"] : [count / 1e9, "G"];
  return `${Number(value.toPrecision(3))} ${unit}`;
}
