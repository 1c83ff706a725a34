import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { DTYPES, itemSize } from "../storage/dtype.js";
import type { DType } from "../storage/dtype.js";
import { numelOf } from "../storage/hostTensor.js";
import { contiguousStride, StoredTensor } from "../storage/storedTensor.js";
import { JsonError, JsonNumber, parseJson } from "./json.js";
import type { Json } from "./json.js";
import { readPlainHeader } from "./plainHeader.js";
import type { HeaderEntry, PlainHeader } from "./plainHeader.js";
import { sourceStorage } from "./sourceStorage.js";

/** A safetensors file: named tensors whose bytes are still in the file, and a few strings. */
export interface SafetensorsFile {
  /** In the order of their data. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** A header longer than this is not a header: safetensors' own reader stops here too. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
/** The member of the header that is not a tensor. */
const METADATA = "__metadata__";
/** The dtype that holds two numbers in a byte; its last dimension counts numbers in the file, bytes in torch. */
const PACKED: DType = "float4_e2m1fn_x2";

const BY_NAME: ReadonlyMap<string, DType> = new Map(
  Object.entries(DTYPES).flatMap(([dtype, { safetensors }]) =>
    safetensors === null ? [] : [[safetensors, dtype as DType]],
  ),
);

/** Read the header of a safetensors file; the tensors' bytes stay where they are. */
export async function readSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const dataStart = await headerEnd(source);
  const header = parseHeader(await source.read(LENGTH_BYTES, dataStart));
  const dataBytes = source.byteLength - dataStart;
  const entries = header.entries.map(checkedEntry);
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(entries, dataBytes);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const storage = sourceStorage(source, dataStart + begin, end - begin, `tensor "${name}"`);
    tensors.set(name, new StoredTensor({ dtype, shape, stride: contiguousStride(shape), storageOffset: 0, storage }));
  }
  return { tensors, metadata: readMetadata(header.metadata) };
}

async function headerEnd(source: ByteSource): Promise<number> {
  if (source.byteLength < LENGTH_BYTES) {
    throw malformed(
      `a safetensors file begins with ${LENGTH_BYTES} bytes of header length, and this one has ${source.byteLength}`,
    );
  }
  const head = await source.read(0, LENGTH_BYTES);
  const length = Number(new DataView(head.buffer, head.byteOffset, LENGTH_BYTES).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES)
    throw malformed(`the header says it is ${length} bytes long; at most ${MAX_HEADER_BYTES} are read`);
  if (LENGTH_BYTES + length > source.byteLength) {
    throw malformed(
      `the header should end at byte ${LENGTH_BYTES + length}, but the file ends at byte ${source.byteLength}`,
    );
  }
  return LENGTH_BYTES + length;
}

function parseHeader(bytes: Uint8Array): PlainHeader {
  let header: Json;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const plain = readPlainHeader(text);
    if (plain !== undefined) return plain;
    header = parseJson(text);
  } catch (error) {
    const place = error instanceof JsonError ? `${error.message}, at character ${error.at}` : "it is not UTF-8";
    throw malformed(`the header cannot be read: ${place}`, error);
  }
  if (!(header instanceof Map)) throw malformed("the header is not a JSON object");
  const members = header as ReadonlyMap<string, Json>;
  const tensors = [...members].filter(([name]) => name !== METADATA);
  return { entries: tensors.map(([name, value]) => readEntry(name, value)), metadata: members.get(METADATA) };
}

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function readEntry(name: string, value: Json): HeaderEntry {
  if (!(value instanceof Map)) throw malformed(`tensor "${name}" is not described by an object`);
  const fields = value as ReadonlyMap<string, Json>;
  const dtype = fields.get("dtype");
  if (typeof dtype !== "string") throw malformed(`tensor "${name}" has no dtype`);
  const shape = counts(name, "shape", fields.get("shape"));
  return { name, dtype, shape, offsets: counts(name, "data_offsets", fields.get("data_offsets")) };
}

function checkedEntry({ name, dtype: dtypeName, shape: written, offsets }: HeaderEntry): Entry {
  const dtype = BY_NAME.get(dtypeName);
  if (dtype === undefined) {
    throw new LtrainError(
      "checkpoint.unsupported",
      `tensor "${name}" has dtype ${JSON.stringify(dtypeName)}, which is not known here`,
    );
  }
  const [begin, end, ...more] = offsets;
  if (begin === undefined || end === undefined || more.length > 0)
    throw malformed(`tensor "${name}" needs two data_offsets`);
  const shape = dtype === PACKED ? packedShape(name, written) : written;
  const expected = numelOf(shape) * itemSize(dtype);
  if (!Number.isSafeInteger(expected) || end - begin !== expected) {
    throw malformed(
      `tensor "${name}" is ${dtypeName} [${written.join(", ")}], which takes ${expected} bytes, but has bytes ${begin} to ${end}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

function packedShape(name: string, shape: readonly number[]): readonly number[] {
  const last = shape.at(-1);
  if (last === undefined || last % 2 !== 0)
    throw malformed(`tensor "${name}" is F4 and its last dimension is not even`);
  return [...shape.slice(0, -1), last / 2];
}

function counts(name: string, field: string, value: Json | undefined): number[] {
  if (!Array.isArray(value)) throw malformed(`tensor "${name}" has no ${field}`);
  return (value as readonly Json[]).map((item) => {
    const count = item instanceof JsonNumber && /^\d+$/.test(item.text) ? Number(item.text) : Number.NaN;
    if (!Number.isSafeInteger(count))
      throw malformed(`tensor "${name}" has a ${field} that is not made of whole numbers`);
    return count;
  });
}

/** The tensors fill the data without a gap or an overlap: nothing can hide between them. */
function checkCoverage(entries: readonly Entry[], dataBytes: number): void {
  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== position) {
      throw malformed(
        `tensor "${name}" begins at byte ${begin} of the data, and the one before it ends at byte ${position}`,
      );
    }
    position = end;
  }
  if (position !== dataBytes) {
    throw malformed(`the tensors take ${position} bytes, and the file has ${dataBytes} bytes of data`);
  }
}

function readMetadata(value: Json | undefined): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined || value === null) return metadata;
  if (!(value instanceof Map)) throw malformed("__metadata__ is not an object");
  for (const [key, text] of value as ReadonlyMap<string, Json>) {
    if (typeof text !== "string") throw malformed(`__metadata__ "${key}" is not a string`);
    metadata.set(key, text);
  }
  return metadata;
}

function malformed(message: string, cause?: unknown): LtrainError {
  return new LtrainError("checkpoint.malformed", message, {
    hint: "the file may be damaged or cut short; compare it with the original",
    cause,
  });
}

export { writeSafetensors } from "./safetensorsWriter.js";
