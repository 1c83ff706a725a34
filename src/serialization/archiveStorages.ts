import { LtrainError } from "../errors.js";
import { PyGlobal, PyObject, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import type { ZipEntry } from "../zip/zipReader.js";
import { storageIdOf } from "./textStorageId.js";
import { isStorageClass, RecordStorage, storageItemSize, SwappedStorage, swapWidthOf } from "./torchStorage.js";

/** The storages of a torch zip: `('storage', class, key, location, numel)` names the record `data/<key>`. */
export class ArchiveStorages {
  readonly #recordOf: (key: string) => ZipEntry | undefined;
  readonly #byteOrder: "little" | "big";
  /** By their records' places in the directory. */
  readonly #storages: (PyStorage | undefined)[] = [];

  constructor(recordOf: (key: string) => ZipEntry | undefined, byteOrder: "little" | "big") {
    this.#recordOf = recordOf;
    this.#byteOrder = byteOrder;
  }

  /** What a persistent id means. */
  load(spelledId: PyValue): PyStorage | PyObject {
    const id = storageIdOf(spelledId);
    const foreign = foreignStorage(id);
    if (foreign !== undefined) return foreign;
    const { storageClass, key, location, numel } = readStorageId(id);
    return this.open(storageClass, key, location, numel);
  }

  /** The storage of a record, which must be as long as the id says. */
  open(storageClass: PyGlobal, key: string, location: string, numel: number): PyStorage {
    checkClass(storageClass);
    const byteLength = numel * storageItemSize(storageClass);
    const entry = this.#recordOf(key);
    if (entry === undefined) throw malformed(`storage "${key}" has no record in the archive`);
    checkLength(key, byteLength, entry.byteLength);
    const known = this.#storages[entry.index];
    if (known !== undefined) return known; // the first reference decides its type, as in torch
    entry.checkPacking(); // what nobody can unpack is not shown as if it were there
    const record = new RecordStorage(entry);
    const storage = this.#byteOrder === "little" ? record : new SwappedStorage(record, swapWidthOf(storageClass));
    const loaded = new PyStorage(storageClass, storage, location);
    this.#storages[entry.index] = loaded;
    return loaded;
  }
}

/**
 * A storage whose name, class or size is what some call would return: nobody knows it without the call, which is not
 * made. It stays a name, and so do the tensors in it.
 */
export function foreignStorage(id: PyValue): PyObject | undefined {
  if (!(id instanceof PyTuple)) return undefined;
  for (const item of id.items) if (item instanceof PyObject) return new PyObject(new PyGlobal("torch", "storage"), id);
  return undefined;
}

/** What a persistent id says of a storage. */
export interface StorageId {
  readonly storageClass: PyGlobal;
  readonly key: string;
  readonly location: string;
  readonly numel: number;
}

/** The parts of `('storage', class, key, location, numel, ...)`. */
export function readStorageId(id: PyValue): StorageId {
  if (!(id instanceof PyTuple) || id.items[0] !== "storage")
    throw malformed("a persistent id is not a tuple that begins with 'storage'");
  const { items } = id;
  const storageClass = items[1];
  const keyValue = items[2];
  const location = items[3];
  const numel = items[4];
  const key = typeof keyValue === "number" ? String(keyValue) : keyValue;
  if (!(storageClass instanceof PyGlobal)) throw malformed("a storage is of class nothing, which is none of torch's");
  checkClass(storageClass);
  if (typeof key !== "string" || typeof location !== "string") throw malformed("a storage has no key or no location");
  if (typeof numel !== "number" || !Number.isSafeInteger(numel) || numel < 0) {
    throw malformed(`storage "${key}" has ${typeof numel === "number" ? numel : "an unknown number of"} elements`);
  }
  return { storageClass, key, location, numel };
}

function checkClass(storageClass: PyGlobal): void {
  if (isStorageClass(storageClass)) return;
  throw malformed(`a storage is of class ${storageClass.toString()}, which is none of torch's`);
}

function checkLength(key: string, expected: number, actual: number): void {
  if (expected === actual) return;
  throw malformed(`storage "${key}" should be ${expected} bytes long, and its record is ${actual}`);
}

function malformed(message: string): LtrainError {
  return new LtrainError("checkpoint.malformed", message, {
    hint: "the file may be damaged; compare it with the original",
  });
}
