import type { StateDict } from "../checkpoint/checkpoint.js";
import { countParameters } from "../checkpoint/countParameters.js";
import { tensorsOf } from "../checkpoint/treePaths.js";
import type { PyValue } from "../pickle/values.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { printable } from "./printable.js";
import type { TableStream } from "./table.js";
import { renderTable } from "./table.js";
import { formatBytes, formatCount, plural } from "./units.js";

/** Every key of the state_dict, or every tensor of a file that has none, as a table. */
export async function describeKeys(stateDict: StateDict, root: PyValue, stream: TableStream): Promise<string> {
  const { tensors } = stateDict;
  const names = stateDict.order ?? [...tensors.keys()];
  if (names.length === 0) return describeLooseTensors(root, stream);
  const rows = names.map((name) => {
    const tensor = tensors.get(name);
    return tensor === undefined ? [name, "(extra state)", "", "", ""] : tensorRow(name, tensor);
  });
  const { parameters, bytes, sharedNames } = countParameters(tensors);
  const total = [plural(names.length, "key"), "", "", formatCount(parameters), formatBytes(bytes)];
  const table = await renderTable({ head: KEY_HEAD, rows, total, numeric: [3, 4] }, stream);
  return sharedNames.length === 0 ? table : `${table}\n${sharedNote(sharedNames)}`;
}

const KEY_HEAD = ["key", "dtype", "shape", "parameters", "size"];

async function describeLooseTensors(root: PyValue, stream: TableStream): Promise<string> {
  const found = tensorsOf(root);
  if (found.length === 0) return "no tensors";
  const parameters = found.reduce((sum, { tensor }) => sum + tensor.numel, 0);
  const bytes = found.reduce((sum, { tensor }) => sum + tensor.byteLength, 0);
  const rows = found.map(({ path, tensor }) => tensorRow(path, tensor));
  const total = [plural(found.length, "tensor"), "", "", formatCount(parameters), formatBytes(bytes)];
  return renderTable({ head: ["path", ...KEY_HEAD.slice(1)], rows, total, numeric: [3, 4] }, stream);
}

function tensorRow(name: string, tensor: StoredTensor): string[] {
  const shape = `[${tensor.shape.join(", ")}]`;
  return [name, tensor.dtype, shape, formatCount(tensor.numel), formatBytes(tensor.byteLength)];
}

/** A line on names that stand for the same memory. */
export function sharedNote(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(printable).join(", ") + (names.length > 3 ? ", ..." : "");
  return `${plural(names.length, "key")} shares memory with another, counted once in all: ${shown}`;
}
