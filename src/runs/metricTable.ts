import { join } from "node:path";
import { fileExists, readText } from "../io/textFile.js";
import { csvRows } from "../loggers/csvTable.js";
import type { Point } from "../plot/series.js";

/** Every metric of a run by name, each with its values in the order of their steps. */
export interface MetricTable {
  readonly file: string;
  readonly metrics: ReadonlyMap<string, readonly Point[]>;
  /** The last step that has a row, and the last epoch that is named; null where there is none. */
  readonly lastStep: number | null;
  readonly lastEpoch: number | null;
}

/** The files that a run's metrics may be in, the first that is there is read. */
export const METRIC_FILES = ["metrics.csv", "metrics.jsonl"] as const;

/** The metrics in a run's folder; null where there is no file of them. */
export async function readMetrics(folder: string): Promise<MetricTable | null> {
  for (const name of METRIC_FILES) {
    const file = join(folder, name);
    if (!(await fileExists(file))) continue;
    const text = await readText(file);
    return tableOf(file, name === "metrics.csv" ? csvRecords(text) : jsonRecords(text));
  }
  return null;
}

type Row = ReadonlyMap<string, number>;

function tableOf(file: string, rows: Iterable<Row>): MetricTable {
  const metrics = new Map<string, Point[]>();
  let [lastStep, lastEpoch]: [number | null, number | null] = [null, null];
  for (const row of rows) {
    const step = row.get("step");
    if (step === undefined) continue;
    lastStep = Math.max(step, lastStep ?? step);
    lastEpoch = row.get("epoch") ?? lastEpoch;
    for (const [name, value] of row) {
      if (name === "step" || name === "epoch") continue;
      const points = metrics.get(name) ?? [];
      metrics.set(name, points);
      points.push({ x: step, y: value });
    }
  }
  // Rows are in the order in which they were logged; a metric at the end of an epoch may come a step late.
  for (const points of metrics.values()) {
    if (points.some(({ x }, i) => x < (points[i - 1]?.x ?? x))) points.sort((a, b) => a.x - b.x);
  }
  return { file, metrics, lastStep, lastEpoch };
}

function* csvRecords(text: string): Generator<Row> {
  for (const row of csvRows(text)) {
    const numbers = [...row].filter(([, cell]) => cell !== "").map(([name, cell]) => [name, numberOf(cell)] as const);
    yield new Map(numbers.filter((pair): pair is readonly [string, number] => pair[1] !== undefined));
  }
}

function* jsonRecords(text: string): Generator<Row> {
  for (const line of text.split("\n").slice(0, -1)) {
    const row = parsed(line);
    if (row === null) continue;
    const numbers = Object.entries(row).map(([name, value]) => [name, numberOf(value)] as const);
    yield new Map(numbers.filter((pair): pair is readonly [string, number] => pair[1] !== undefined));
  }
}

/** null: a line that a crash has cut. */
function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === "object" && row !== null ? (row as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

/** Numbers as Python, JSON and JavaScript write them; undefined of any other text. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return undefined;
  const word = /^([+-]?)(nan|inf(?:inity)?)$/i.exec(value.trim());
  if (word !== null) {
    if (word[2]?.toLowerCase() === "nan") return Number.NaN;
    return word[1] === "-" ? -Infinity : Infinity;
  }
  const number = Number(value);
  return value.trim() === "" || Number.isNaN(number) ? undefined : number;
}
