import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { asItems } from "../pickle/convert.js";
import { PyDict, PyGlobal, PyObject } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { isDType, itemSize } from "../storage/dtype.js";
import type { DType } from "../storage/dtype.js";
import { numelOf } from "../storage/hostTensor.js";
import { chunkedTensor } from "./chunkedStorage.js";
import type { TensorChunk } from "./chunkedStorage.js";
import { counts } from "./denseTensor.js";
import { nestValues } from "./nestValues.js";
import { PickleStream } from "./pickleStream.js";
import { findTorchClass } from "./torchGlobals.js";
import { torchLoad } from "./torchLoad.js";
import { isWeightsOnlyGlobal } from "./weightsOnly.js";

/** A torch.distributed.checkpoint folder as one tree (lightning-checkpoint-format.md, 9). */
export interface DistributedCheckpoint {
  readonly root: PyDict;
  readonly globals: readonly PyGlobal[];
  readonly foreignGlobals: readonly PyGlobal[];
  /** The files that the metadata refers to: name to the least bytes it must have. */
  readonly files: ReadonlyMap<string, number>;
}

/** A range of one of the folder's files. */
export type OpenPart = (file: string, start: number, byteLength: number) => ByteSource;

/** Classes of the metadata itself; torch unpickles it without asking, whatever else it names. */
const OWN_MODULE = /^torch\.distributed\.checkpoint(\.|$)|^pathlib$/;

/** Read `.metadata` and the objects that are no tensors; of the tensors nothing. */
export async function readDistributed(metadata: ByteSource, openPart: OpenPart): Promise<DistributedCheckpoint> {
  const read = await new PickleStream(metadata).next(".metadata", { findClass: findTorchClass });
  const fields = stateOf(read.value, "Metadata");
  const entries = fields.get("state_dict_metadata");
  if (!(entries instanceof PyDict)) throw malformed("has no state_dict_metadata");
  const items = readStorageData(fields.get("storage_data"));
  const foreign = new Map<string, PyGlobal>();
  for (const global of read.globals) {
    if (!OWN_MODULE.test(global.module) && !isWeightsOnlyGlobal(global)) foreign.set(String(global), global);
  }
  const all = new Map<string, PyGlobal>(read.globals.map((global) => [String(global), global]));
  const values = new Map<string, PyValue>();
  for (const [name, entry] of entries) {
    if (typeof name !== "string" || !(entry instanceof PyObject)) throw malformed("has an entry without a name");
    if (entry.className.endsWith(".TensorStorageMetadata")) {
      values.set(name, tensorOf(name, stateOf(entry, name), items, openPart));
    } else {
      const object = await readObject(name, items, openPart);
      for (const global of object.globals) all.set(String(global), global);
      for (const global of object.foreignGlobals) foreign.set(String(global), global);
      values.set(name, object.value);
    }
  }
  return {
    root: nestValues(values, fields.get("planner_data")),
    globals: [...all.values()],
    foreignGlobals: [...foreign.values()],
    files: filesOf(items),
  };
}

function filesOf(items: Items): ReadonlyMap<string, number> {
  const files = new Map<string, number>();
  for (const { file, start, byteLength } of items.values()) {
    files.set(file, Math.max(files.get(file) ?? 0, start + byteLength));
  }
  return files;
}

/** Where an item lies: `_StorageInfo`. */
interface Item {
  readonly file: string;
  readonly start: number;
  readonly byteLength: number;
  /** Filters the bytes went through, such as "zstd". */
  readonly transforms: readonly string[];
}

/** Items by name, and by the offset of a tensor's chunk: several items make up one tensor. */
type Items = ReadonlyMap<string, Item>;

function itemKey(name: string, offset: readonly number[] | null): string {
  return `${offset === null ? "" : offset.join()}\n${name}`;
}

function readStorageData(value: PyValue | undefined): Items {
  if (!(value instanceof PyDict)) throw malformed("has no storage_data");
  const items = new Map<string, Item>();
  for (const [index, info] of value) {
    const key = stateOf(index, "MetadataIndex");
    const name = key.get("fqn");
    const offset = key.get("offset") ?? null;
    if (typeof name !== "string") throw malformed("has an item without a name");
    items.set(itemKey(name, offset === null ? null : counts(offset, "offset")), readInfo(name, info));
  }
  refuseOverlaps(items);
  return items;
}

/** Every item has bytes of its own: a million names for the bytes of one are how a small file becomes a large one. */
function refuseOverlaps(items: Items): void {
  const ends = new Map<string, { readonly end: number; readonly name: string }>();
  const inOrder = [...items].sort(([, a], [, b]) => a.start - b.start);
  for (const [key, { file, start, byteLength }] of inOrder) {
    if (byteLength === 0) continue;
    const name = key.slice(key.indexOf("\n") + 1);
    const before = ends.get(file);
    if (before !== undefined && start < before.end) {
      throw malformed(`puts "${name}" at byte ${start} of ${file}, where "${before.name}" ends at byte ${before.end}`);
    }
    ends.set(file, { end: start + byteLength, name });
  }
}

function readInfo(name: string, value: PyValue): Item {
  const info = stateOf(value, name);
  const [file, start, byteLength] = [info.get("relative_path"), info.get("offset"), info.get("length")];
  if (typeof file !== "string" || !isPartName(file)) {
    throw malformed(`says that "${name}" lies in ${JSON.stringify(file)}, which is no name of a file in the folder`);
  }
  if (!isCount(start) || !isCount(byteLength)) throw malformed(`has no place for "${name}" in ${file}`);
  const transforms = (asItems(info.get("transform_descriptors")) ?? []).filter((each) => typeof each === "string");
  return { file, start, byteLength, transforms };
}

/** A file in the folder or below it; a name that leads elsewhere is refused. */
export function isPartName(name: string): boolean {
  const parts = name.split(/[/\\]/);
  return name !== "" && !/^[a-z]+:/i.test(name) && parts.every((part) => part !== "" && part !== "." && part !== "..");
}

function isCount(value: PyValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function tensorOf(name: string, entry: PyDict, items: Items, openPart: OpenPart): PyValue {
  const dtype = dtypeOf(name, entry.get("properties"));
  const shape = counts(entry.get("size"), "size");
  const chunks = (asItems(entry.get("chunks")) ?? []).map((value): TensorChunk => {
    const chunk = stateOf(value, name);
    const offsets = counts(chunk.get("offsets"), "offset");
    const sizes = counts(chunk.get("sizes"), "size");
    const item = items.get(itemKey(name, offsets));
    if (item === undefined) throw malformed(`names no file for the part of "${name}" at [${offsets.join(", ")}]`);
    if (item.transforms.length === 0 && !(numelOf(sizes) * itemSize(dtype) <= item.byteLength)) {
      throw malformed(`gives ${item.byteLength} bytes to a part of "${name}" that is ${dtype} [${sizes.join(", ")}]`);
    }
    return { offsets, sizes, place: item.file, source: sourceOf(name, item, openPart) };
  });
  return chunkedTensor(name, dtype, shape, chunks);
}

/** `TensorProperties` writes its state as a tuple; the dtype is first. */
function dtypeOf(name: string, properties: PyValue | undefined): DType {
  const state = properties instanceof PyObject ? properties.state : undefined;
  const dtype = state instanceof PyDict ? state.get("dtype") : asItems(state)?.[0];
  if (dtype instanceof PyGlobal && dtype.module === "torch" && isDType(dtype.name)) return dtype.name;
  throw new LtrainError(
    "checkpoint.unsupported",
    `"${name}" has dtype ${dtype instanceof PyGlobal ? dtype.toString() : "nothing"}, which is not known here`,
  );
}

async function readObject(
  name: string,
  items: Items,
  openPart: OpenPart,
): Promise<Pick<Awaited<ReturnType<typeof torchLoad>>, "value" | "globals" | "foreignGlobals">> {
  const item = items.get(itemKey(name, null));
  if (item === undefined) throw malformed(`names no file for "${name}"`);
  try {
    return await torchLoad(sourceOf(name, item, openPart));
  } catch (error) {
    if (!(error instanceof LtrainError)) throw error;
    throw new LtrainError(error.code, `${item.file}: "${name}" at byte ${item.start}: ${error.message}`, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

function sourceOf(name: string, { file, start, byteLength, transforms }: Item, openPart: OpenPart): ByteSource {
  if (transforms.length === 0) return openPart(file, start, byteLength);
  const refuse = (): Promise<Uint8Array> =>
    Promise.reject(
      new LtrainError("checkpoint.unsupported", `"${name}" in ${file} is packed with ${transforms.join(", ")}`, {
        hint: "save the checkpoint again without it, or convert it with torch.distributed.checkpoint.format_utils",
      }),
    );
  return { byteLength, read: refuse };
}

/** Fields of a dataclass. */
function stateOf(value: PyValue | undefined, what: string): PyDict {
  if (value instanceof PyObject && value.state instanceof PyDict) return value.state;
  if (value instanceof PyObject && value.state === undefined) return new PyDict();
  throw malformed(`has a ${what} that is not one`);
}

function malformed(what: string): LtrainError {
  return new LtrainError("checkpoint.malformed", `.metadata ${what}`, {
    hint: "the folder may be damaged or of another tool; compare it with the original",
  });
}
