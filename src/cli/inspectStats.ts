import type { JsonValue } from "../checkpoint/jsonValue.js";
import { jsonNumber } from "../checkpoint/jsonValue.js";
import type { TensorStats } from "../checkpoint/tensorStats.js";
import { tensorStats } from "../checkpoint/tensorStats.js";
import type { Terminal } from "../io/console.js";
import { pythonFloat } from "../pickle/pythonFloat.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { ByteProgress } from "./byteProgress.js";
import { shapeText } from "./inspectKeys.js";
import type { InspectOptions, Inspection } from "./inspection.js";
import { denseTensors, listTensors } from "./listedTensors.js";
import { printable } from "./printable.js";
import { writeTable } from "./table.js";
import { formatCount, plural } from "./units.js";

const HEAD = ["key", "dtype", "shape", "min", "max", "mean", "std", "L2", "zeros", "NaN", "Inf"];
const NUMERIC = [3, 4, 5, 6, 7, 8, 9, 10];
/** A table is to be read at a glance; --json has every digit. */
const SHOWN_DIGITS = 5;

/** What the numbers of every tensor come to, as a table; they are read in pieces, with progress on stderr. */
export async function writeStats(inspection: Inspection, options: InspectOptions, terminal: Terminal): Promise<void> {
  const dense = denseTensors(listTensors(inspection, options.patterns).listed);
  if (dense.length === 0) {
    terminal.stdout.write(options.patterns.length > 0 ? "no tensor fits\n" : "no tensors\n");
    return;
  }
  const progress = new ByteProgress("reading", dense, terminal.stderr);
  const known = new Map<StoredTensor, TensorStats | null>();
  const rows: string[][] = [];
  const spoilt: string[] = [];
  const sums = { zeros: 0, nan: 0, inf: 0 };
  for (const { path, tensor } of dense) {
    const stats = known.get(tensor) ?? (await tensorStats(tensor, progress.add));
    known.set(tensor, stats);
    rows.push([path, tensor.dtype, shapeText(tensor.shape), ...cellsOf(stats)]);
    for (const name of ["zeros", "nan", "inf"] as const) sums[name] += stats?.[name] ?? 0;
    if (stats !== null && stats.nan + stats.inf > 0) spoilt.push(path);
  }
  progress.end();
  const total = [plural(dense.length, "tensor"), ...Array<string>(7).fill(""), ...Object.values(sums).map(formatCount)];
  await writeTable({ head: HEAD, rows, total, numeric: NUMERIC }, terminal.stdout);
  if (spoilt.length === 0) return;
  const shown = spoilt.slice(0, 5).map(printable).join(", ") + (spoilt.length > 5 ? ", ..." : "");
  terminal.stdout.write(`NaN or Inf in ${plural(spoilt.length, "tensor")}: ${shown}\n`);
}

function cellsOf(stats: TensorStats | null): string[] {
  if (stats === null) return Array<string>(8).fill("");
  const { min, max, mean, std, l2, zeros, nan, inf } = stats;
  return [
    ...[min, max].map((value) => (value === null ? "" : short(value))),
    typeof mean === "number" ? short(mean) : `${short(mean[0])}${mean[1] < 0 ? "" : "+"}${short(mean[1])}j`,
    short(std),
    short(l2),
    ...[zeros, nan, inf].map(formatCount),
  ];
}

function short(value: number): string {
  const text = pythonFloat(Number.isFinite(value) ? Number(value.toPrecision(SHOWN_DIGITS)) : value);
  return text.replace(/\.0$/, "");
}

/** The same of one tensor as the JSON schema has it; null for bits that are no numbers. */
export async function statsJson(tensor: StoredTensor, heard?: (bytes: number) => void): Promise<JsonValue> {
  const stats = await tensorStats(tensor, heard);
  if (stats === null) return null;
  const { min, max, mean, std, l2, ...counts } = stats;
  return {
    min: min === null ? null : jsonNumber(min),
    max: max === null ? null : jsonNumber(max),
    mean: typeof mean === "number" ? jsonNumber(mean) : mean.map(jsonNumber),
    std: jsonNumber(std),
    l2: jsonNumber(l2),
    ...counts,
  };
}
