import { describeValue, shownArray } from "../checkpoint/describeValue.js";
import type { FoundValue } from "../checkpoint/findValue.js";
import { findValue } from "../checkpoint/findValue.js";
import { jsonValue } from "../checkpoint/jsonValue.js";
import { TensorDescriber } from "../checkpoint/tensorJson.js";
import type { JsonFields } from "../checkpoint/tensorJson.js";
import { tensorDigest } from "../checkpoint/tensorDigest.js";
import type { PrintOptions } from "../checkpoint/tensorText.js";
import { PRINT_OPTIONS, tensorText, tensorValues } from "../checkpoint/tensorText.js";
import type { AnyTensorAtPath } from "../checkpoint/treePaths.js";
import { partsAtPath } from "../checkpoint/treePaths.js";
import type { Terminal } from "../io/console.js";
import { PyComplex, PyDict, PyFloat, PyGlobal, PyObject, PySet, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { knownValueOf } from "../serialization/knownValue.js";
import { nestedRows } from "../serialization/nestedTensor.js";
import { tensorPartsOf } from "../serialization/tensorParts.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { shapeText } from "./inspectKeys.js";
import type { InspectOptions, Inspection } from "./inspection.js";
import { writeTree } from "./inspectTree.js";
import { SCHEMA_VERSION, writeJson } from "./jsonWriter.js";
import { printable, printableLines } from "./printable.js";
import { formatBytes } from "./units.js";

/** One value of the file: a line, a tree of what is in it, or a tensor's numbers. */
export async function writeKey(
  { file }: Inspection,
  key: string,
  options: InspectOptions,
  terminal: Terminal,
): Promise<void> {
  const found = findValue(file.root, key);
  const { stdout } = terminal;
  if (options.json) {
    const head = { schema_version: SCHEMA_VERSION, path: file.path, format: file.format, key: found.path };
    await writeJson({ ...head, ...(await keyJson(found, options)) }, undefined, stdout);
    return;
  }
  const tensors = await tensorsIn(found);
  if (tensors === undefined) {
    if (isOpened(found.value)) await writeTree(found.value, stdout, found.path);
    else stdout.write(`${printable(describeValue(found.value))}\n`);
    return;
  }
  for (const [path, tensor] of tensors) {
    stdout.write(`${printable(path)}  ${await tensorLine(tensor, options)}\n`);
    if (options.values) stdout.write(`${printableLines(await tensorText(tensor, printOptions(options)))}\n`);
  }
}

/** The dense tensors that a value is or is put together of; undefined for what is no tensor. */
async function tensorsIn({
  value,
  path,
}: FoundValue): Promise<readonly (readonly [string, StoredTensor])[] | undefined> {
  if (value instanceof StoredTensor) return [[path, value]];
  const array = value instanceof PyObject ? shownArray(value)?.tensor : undefined;
  if (array !== undefined) return [[path, array]];
  const parts = value instanceof PyObject ? tensorPartsOf(value) : undefined;
  if (parts === undefined) return undefined;
  const rows = await nestedRows(parts, path);
  if (rows !== undefined) return rows.map((row, index) => [`${path}[${index}]`, row]);
  return partsAtPath(path, parts).map((part) => [part.path, part.tensor]);
}

async function tensorLine(tensor: StoredTensor, options: InspectOptions): Promise<string> {
  const { dtype, shape, stride, storageOffset, storage, byteLength } = tensor;
  const view =
    byteLength === storage.byteLength && storageOffset === 0
      ? ""
      : `, at element ${storageOffset} of a storage of ${formatBytes(storage.byteLength)}`;
  const digest = options.sha256 ? `, sha256 ${await tensorDigest(tensor)}` : "";
  return `${dtype} ${shapeText(shape)}, ${formatBytes(byteLength)}, stride ${shapeText(stride)}${view}${digest}`;
}

function isOpened(value: PyValue): boolean {
  if (value instanceof PyObject) return knownValueOf(value) === undefined;
  return (
    (value instanceof PyDict && value.size > 0) ||
    Array.isArray(value) ||
    value instanceof PyTuple ||
    value instanceof PySet
  );
}

function printOptions({ precision, edgeItems }: InspectOptions): PrintOptions {
  return {
    ...PRINT_OPTIONS,
    ...(precision === undefined ? {} : { precision }),
    ...(edgeItems === undefined ? {} : { edgeItems }),
  };
}

async function keyJson({ value, path }: FoundValue, options: InspectOptions): Promise<JsonFields> {
  const found = tensorFound(value, path);
  if (found === undefined) return { type: pythonType(value), value: jsonValue(value) };
  const describer = new TensorDescriber(async (tensor) => ({
    ...(options.sha256 ? { sha256: await tensorDigest(tensor) } : {}),
    ...(options.stats ? { stats: await (await import("./inspectStats.js")).statsJson(tensor) } : {}),
    ...(options.values ? { values: await tensorValues(tensor) } : {}),
  }));
  return { type: isTensor(value) ? "tensor" : "numpy.ndarray", tensor: await describer.describe(found) };
}

function tensorFound(value: PyValue, path: string): AnyTensorAtPath | undefined {
  if (value instanceof StoredTensor) return { path, tensor: value };
  if (!(value instanceof PyObject)) return undefined;
  const tensor = shownArray(value)?.tensor;
  if (tensor !== undefined) return { path, tensor };
  const parts = tensorPartsOf(value);
  return parts === undefined ? undefined : { path, parts };
}

function isTensor(value: PyValue): boolean {
  return value instanceof StoredTensor || (value instanceof PyObject && tensorPartsOf(value) !== undefined);
}

/** The Python class of a value that is no tensor. */
function pythonType(value: PyValue): string {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (typeof value === "string") return "str";
  if (value instanceof PyFloat) return "float";
  if (value instanceof PyComplex) return "complex";
  if (value instanceof Uint8Array) return "bytes";
  if (Array.isArray(value)) return "list";
  if (value instanceof PyTuple) return "tuple";
  if (value instanceof PySet) return value.frozen ? "frozenset" : "set";
  if (value instanceof PyDict) return value.kind === "dict" ? "dict" : `collections.${value.kind}`;
  if (value instanceof PyObject) return knownValueOf(value)?.type ?? value.className;
  return value instanceof PyGlobal ? "global" : "torch.storage";
}
