import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { asItems } from "../pickle/convert.js";
import { PyGlobal, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { denseTensor, MAX_RANK } from "./denseTensor.js";
import { PickleStream } from "./pickleStream.js";
import { partOfStorage, sourceStorage } from "./sourceStorage.js";
import { readTar } from "./tarReader.js";
import type { TarMember } from "./tarReader.js";
import { findTorchClass } from "./torchGlobals.js";
import { isStorageClass, storageItemSize } from "./torchStorage.js";

/** A file of torch 0.1: a tar archive of storages, tensors and a pickle (lightning-checkpoint-format.md, 3.2). */
export interface TarFile {
  readonly value: PyValue;
  readonly protocol: number;
  readonly globals: readonly PyGlobal[];
  readonly storageCount: number;
  readonly storageBytes: number;
}

/** More storages or tensors than this no file of that time had. */
const MAX_OBJECTS = 1 << 20;

/** Read the members of a torch 0.1 file; the storages' bytes stay where they are. */
export async function loadTar(source: ByteSource): Promise<TarFile> {
  const members = await readTar(source);
  const member = (name: string): TarMember => {
    const found = members.get(name) ?? members.get(`./${name}`);
    if (found === undefined) throw malformed(`has no member "${name}"`);
    return found;
  };
  const objects = new Map<string, PyValue>();
  const storages = await readStorages(source, member("storages"), objects);
  await readTensors(source, member("tensors"), objects);
  const { start, byteLength } = member("pickle");
  const read = await new PickleStream(source, start, start + byteLength).next("the object", {
    persistentLoad: (id) => persistentObject(id, objects),
    findClass: findTorchClass,
  });
  return { value: read.value, protocol: read.protocol, globals: read.globals, ...storages };
}

/** `(class, source file, source)` stands for the class; anything else is the number of a tensor or a storage. */
function persistentObject(id: PyValue, objects: ReadonlyMap<string, PyValue>): PyValue {
  if (id instanceof PyTuple && id.items[0] instanceof PyGlobal) return id.items[0];
  const object = objects.get(keyOf(id));
  if (object === undefined) throw malformed(`refers to object ${keyOf(id)}, which is not in it`);
  return object;
}

function keyOf(id: PyValue | undefined): string {
  if (typeof id === "number" || typeof id === "bigint") return String(id);
  if (typeof id === "string" && /^\d+$/.test(id)) return id;
  throw malformed("numbers its objects with something that is not a number");
}

async function readStorages(
  source: ByteSource,
  { start, byteLength }: TarMember,
  objects: Map<string, PyValue>,
): Promise<{ readonly storageCount: number; readonly storageBytes: number }> {
  const stream = new PickleStream(source, start, start + byteLength);
  const storageCount = await countOf(stream, "storages");
  let storageBytes = 0;
  for (let index = 0; index < storageCount; index += 1) {
    const [key, location, storageClass] = asItems((await stream.next(`storage ${index}`)).value) ?? [];
    if (!(storageClass instanceof PyGlobal) || !isStorageClass(storageClass)) {
      throw malformed(`has a storage of a class that is none of torch's`);
    }
    const numel = Number(viewOf(await stream.take(8)).getBigInt64(0, true));
    const bytes = numel * storageItemSize(storageClass);
    const begin = stream.at;
    if (!(numel >= 0 && begin + bytes <= start + byteLength)) {
      throw malformed(
        `has a storage of ${numel} elements at byte ${begin}, and its storages end at byte ${start + byteLength}`,
      );
    }
    stream.at += bytes;
    storageBytes += bytes;
    const place = typeof location === "string" ? location : "cpu";
    objects.set(keyOf(key), new PyStorage(storageClass, sourceStorage(source, begin, bytes), place));
  }
  for (const view of asItems((await stream.next("the views")).value) ?? []) addView(asItems(view) ?? [], objects);
  return { storageCount, storageBytes };
}

/** `(target, root, offset, numel)`: a storage that is a part of another, in elements. */
function addView([target, root, offset, numel]: readonly PyValue[], objects: Map<string, PyValue>): void {
  const storage = objects.get(keyOf(root));
  if (!(storage instanceof PyStorage)) throw malformed("has a view of a storage that is not in it");
  const width = storageItemSize(storage.storageClass);
  const [first, length] = [wholeNumber(offset) * width, wholeNumber(numel) * width];
  if (first + length > storage.storage.byteLength) {
    throw malformed(`has a view that ends at byte ${first + length} of a storage of ${storage.storage.byteLength}`);
  }
  const part = partOfStorage(storage.storage, first, length);
  objects.set(keyOf(target), new PyStorage(storage.storageClass, part, storage.location));
}

async function readTensors(
  source: ByteSource,
  { start, byteLength }: TarMember,
  objects: Map<string, PyValue>,
): Promise<void> {
  const stream = new PickleStream(source, start, start + byteLength);
  const tensorCount = await countOf(stream, "tensors");
  for (let index = 0; index < tensorCount; index += 1) {
    const [key, storageKey] = asItems((await stream.next(`tensor ${index}`)).value) ?? [];
    const rank = viewOf(await stream.take(8)).getInt32(0, true); // the upper half is not used
    if (!(rank >= 0 && rank <= MAX_RANK)) {
      throw malformed(`has a tensor of ${rank} dimensions at byte ${stream.at - 8}; 0 to ${MAX_RANK} are read`);
    }
    const numbers = viewOf(await stream.take(8 * (2 * rank + 1)));
    const at = (position: number): number => Number(numbers.getBigInt64(8 * position, true));
    const shape = new PyTuple(Array.from({ length: rank }, (_, axis) => at(axis)));
    const stride = new PyTuple(Array.from({ length: rank }, (_, axis) => at(rank + axis)));
    const tensor = denseTensor(objects.get(keyOf(storageKey)), at(2 * rank), shape, stride, {});
    if (tensor !== undefined) objects.set(keyOf(key), tensor);
  }
}

async function countOf(stream: PickleStream, what: string): Promise<number> {
  const place = stream.at;
  const count = wholeNumber((await stream.next(`the number of ${what}`)).value);
  if (count <= MAX_OBJECTS) return count;
  throw malformed(`says at byte ${place} that it has ${count} ${what}; more than ${MAX_OBJECTS} are not read`);
}

function wholeNumber(value: PyValue | undefined): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed("has a count that is not a whole number");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(what: string): LtrainError {
  return new LtrainError("checkpoint.malformed", `a tar file of torch 0.1 ${what}`, {
    hint: "the file may be damaged; compare it with the original",
  });
}
