import { pythonFloat } from "../pickle/pythonFloat.js";
import type { SurveyedCheckpoint } from "../checkpoint/surveyFolder.js";
import { surveyFolder } from "../checkpoint/surveyFolder.js";
import type { JsonValue } from "../checkpoint/jsonValue.js";
import { jsonNumber } from "../checkpoint/jsonValue.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { didYouMean } from "../nearest.js";
import type { InspectOptions } from "./inspection.js";
import { SCHEMA_VERSION, writeJson } from "./jsonWriter.js";
import { printable } from "./printable.js";
import { writeTable } from "./table.js";
import { formatBytes, formatCount, formatDate, plural } from "./units.js";

/** What a column is sorted by; null comes last, whichever way. */
const COLUMNS: Readonly<Record<string, (found: SurveyedCheckpoint) => string | number | null>> = {
  file: ({ file }) => file,
  epoch: ({ epoch }) => epoch,
  step: ({ globalStep }) => globalStep,
  metric: ({ metric }) => (metric === null || Number.isNaN(metric.value) ? null : metric.value),
  size: ({ byteLength }) => byteLength,
  date: ({ modified }) => modified,
  state: (found) => stateOf(found),
};

/** A table of the checkpoints in a folder and below it, sorted by a column. */
export async function writeFolder(folder: string, options: InspectOptions, terminal: Terminal): Promise<void> {
  const by = columnNamed(options.sort ?? "file");
  const found: SurveyedCheckpoint[] = [];
  for await (const each of surveyFolder(folder)) found.push(each);
  if (found.length === 0) {
    throw new LtrainError("checkpoint.missing", `there is no checkpoint under ${folder}`, {
      hint: "looked for *.ckpt, *.pt, *.pth, *.safetensors, *.npz, pytorch_model*.bin and folders with .metadata",
    });
  }
  found.sort((a, b) => compare(by(a), by(b), options.reverse) || compare(a.file, b.file, false));
  if (options.json) {
    const head = { schema_version: SCHEMA_VERSION, path: folder, kind: "folder" };
    await writeJson(head, { name: "checkpoints", items: found.map(checkpointJson) }, terminal.stdout);
    return;
  }
  const rows = found.map((each) => [
    each.file,
    each.epoch === null ? "" : formatCount(each.epoch),
    each.globalStep === null ? "" : formatCount(each.globalStep),
    metricText(each),
    formatBytes(each.byteLength),
    formatDate(each.modified),
    stateOf(each),
  ]);
  const bytes = found.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const total = [plural(found.length, "checkpoint"), "", "", "", formatBytes(bytes), "", ""];
  await writeTable({ head: Object.keys(COLUMNS), rows, total, numeric: [1, 2, 3, 4] }, terminal.stdout);
  for (const { file, path, error } of found) {
    if (error === null) continue;
    terminal.stdout.write(`${printable(`${file}: ${error.message.replace(`${path}: `, "")}`)}\n`);
  }
}

function columnNamed(name: string): (found: SurveyedCheckpoint) => string | number | null {
  const column = Object.hasOwn(COLUMNS, name) ? COLUMNS[name] : undefined;
  if (column !== undefined) return column;
  const names = Object.keys(COLUMNS);
  throw new LtrainError("usage.invalid", `there is no column "${name}"`, {
    hint: [didYouMean(name, names), `the columns are ${names.join(", ")}`].filter(Boolean).join(" "),
  });
}

function compare(a: string | number | null, b: string | number | null, isReversed: boolean): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const order = typeof a === "number" && typeof b === "number" ? a - b : COLLATOR.compare(String(a), String(b));
  return isReversed ? -order : order;
}

/** epoch=10 comes after epoch=9. */
const COLLATOR = new Intl.Collator("en", { numeric: true });

/** What is known of a file that was only looked into: `ltrain verify` reads every byte. */
function stateOf({ error }: SurveyedCheckpoint): string {
  if (error === null) return "sound";
  if (error.code === "checkpoint.notACheckpoint") return "no checkpoint";
  return error.code === "checkpoint.unsupported" ? "not read" : "damaged";
}

function metricText({ metric }: SurveyedCheckpoint): string {
  if (metric === null) return "";
  const { name, value } = metric;
  return `${name} ${pythonFloat(Number.isFinite(value) ? Number(value.toPrecision(5)) : value)}`;
}

function checkpointJson(found: SurveyedCheckpoint): JsonValue {
  const { file, path, metric, error } = found;
  return {
    file,
    path,
    bytes: found.byteLength,
    modified: new Date(found.modified).toISOString(),
    lightning_version: found.lightningVersion,
    epoch: found.epoch,
    global_step: found.globalStep,
    metric: metric && { name: metric.name, value: jsonNumber(metric.value) },
    sound: error === null,
    error: error && { code: error.code, message: error.message },
  };
}
