import { countTensors } from "../checkpoint/countParameters.js";
import type { Terminal } from "../io/console.js";
import { itemSize } from "../storage/dtype.js";
import { StoredTensor } from "../storage/storedTensor.js";
import type { InspectOptions, Inspection } from "./inspection.js";
import type { Listable, ListedTensor } from "./listedTensors.js";
import { denseTensors, listTensors } from "./listedTensors.js";
import { printable } from "./printable.js";
import { writeTable } from "./table.js";
import { formatBytes, formatCount, plural } from "./units.js";

const COLUMNS = ["dtype", "shape", "parameters", "size"];
const NUMERIC = [3, 4];

/** Every key of the state_dict, or every tensor that fits the patterns, as a table. */
export async function writeKeys(inspection: Inspection, options: InspectOptions, terminal: Terminal): Promise<void> {
  const { listed, areKeys } = listTensors(inspection, options.patterns);
  const { stdout } = terminal;
  if (listed.length === 0) {
    stdout.write(options.patterns.length > 0 ? "no tensor fits\n" : "no tensors\n");
    return;
  }
  if (options.sha256) {
    await writeDigests(listed, areKeys, terminal);
    return;
  }
  const { parameters, bytes, sharedNames } = countTensors(namedTensors(listed));
  const total = [
    plural(listed.length, areKeys ? "key" : "tensor"),
    "",
    "",
    formatCount(parameters),
    formatBytes(bytes),
  ];
  const rows = { [Symbol.iterator]: () => rowsOf(listed) };
  await writeTable({ head: [areKeys ? "key" : "path", ...COLUMNS], rows, total, numeric: NUMERIC }, stdout);
  if (sharedNames.length > 0) stdout.write(`${sharedNote(sharedNames)}\n`);
}

function* namedTensors(listed: readonly ListedTensor[]): Generator<readonly [string, StoredTensor]> {
  for (const { name, value } of listed) {
    if (value instanceof StoredTensor) yield [name, value];
    else for (const [part, tensor] of value?.parts ?? []) yield [`${name}.${part}`, tensor];
  }
}

/** The rows are made when they are asked for: a hundred thousand of them need not be kept. */
function* rowsOf(listed: readonly ListedTensor[]): Generator<readonly string[]> {
  let last: StoredTensor | undefined;
  let lastRow: readonly string[] = [];
  for (const { name, value } of listed) {
    // Tensors of a kind follow each other, and are told in the same words.
    const isAlike = value instanceof StoredTensor && value.shape === last?.shape && value.dtype === last.dtype;
    const row = isAlike ? renamed(lastRow, name) : rowOf(name, value);
    if (value instanceof StoredTensor) [last, lastRow] = [value, row];
    yield row;
  }
}

function renamed([, dtype = "", shape = "", parameters = "", size = ""]: readonly string[], name: string): string[] {
  return [name, dtype, shape, parameters, size];
}

function rowOf(name: string, value: Listable): string[] {
  if (value === null) return [name, "(extra state)", "", "", ""];
  if (value instanceof StoredTensor) {
    const { dtype, shape, numel } = value;
    return [name, dtype, shapeText(shape), formatCount(numel), formatBytes(numel * itemSize(dtype))];
  }
  const { dtype, shape, layout, parts } = value;
  const dense = [...parts.values()];
  return [
    name,
    `${dtype ?? "?"} ${layout}`,
    shape === null ? "?" : shapeText(shape),
    formatCount(dense.reduce((sum, { numel }) => sum + numel, 0)),
    formatBytes(dense.reduce((sum, { byteLength }) => sum + byteLength, 0)),
  ];
}

/** `[4, 8]`, as the lists show a shape. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

async function writeDigests(listed: readonly ListedTensor[], areKeys: boolean, terminal: Terminal): Promise<void> {
  const [{ tensorDigest }, { ByteProgress }] = await Promise.all([
    import("../checkpoint/tensorDigest.js"),
    import("./byteProgress.js"),
  ]);
  const dense = denseTensors(listed);
  const progress = new ByteProgress("hashing", dense, terminal.stderr);
  const rows: string[][] = [];
  for (const { path, tensor } of dense) {
    rows.push([path, tensor.dtype, shapeText(tensor.shape), await tensorDigest(tensor, progress.add)]);
  }
  progress.end();
  await writeTable({ head: [areKeys ? "key" : "path", "dtype", "shape", "sha256"], rows }, terminal.stdout);
}

/** A line on names that stand for the same memory. */
export function sharedNote(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(printable).join(", ") + (names.length > 3 ? ", ..." : "");
  return `${plural(names.length, "key")} shares memory with another, counted once in all: ${shown}`;
}
