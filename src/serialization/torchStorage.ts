import { DTYPES } from "../storage/dtype.js";
import type { DType } from "../storage/dtype.js";
import { swapInPlace } from "../storage/byteOrder.js";
import type { Storage } from "../storage/storedTensor.js";
import { PyGlobal } from "../pickle/values.js";
import type { ZipEntry } from "../zip/zipReader.js";

/** torch's storage classes by name: `torch.FloatStorage` holds float32. UntypedStorage holds bytes, and is not here. */
export const STORAGE_DTYPES: ReadonlyMap<string, DType> = new Map(
  Object.entries(DTYPES)
    .filter(([, { storage }]) => storage !== "UntypedStorage")
    .map(([dtype, { storage }]) => [storage, dtype as DType]),
);

const UNTYPED = "UntypedStorage";
/** Modules that have storage classes: torch.FloatStorage, torch.cuda.FloatStorage, torch.storage.UntypedStorage. */
const STORAGE_MODULES = /^torch(\.(storage|cuda|xpu|hpu|mps|mtia|sparse))?$/;

/** Whether the class is one of torch's storages. */
export function isStorageClass({ module, name }: PyGlobal): boolean {
  return STORAGE_MODULES.test(module) && (name === UNTYPED || STORAGE_DTYPES.has(name));
}

/** Bytes per element of a storage class: an UntypedStorage counts bytes. */
export function storageItemSize({ name }: PyGlobal): number {
  const dtype = STORAGE_DTYPES.get(name);
  return dtype === undefined ? 1 : DTYPES[dtype].itemSize;
}

/** The storage class that torch saves tensors of this dtype in. */
export function storageClassOf(dtype: DType): PyGlobal {
  const { storage } = DTYPES[dtype];
  return new PyGlobal(storage === UNTYPED ? "torch.storage" : "torch", storage);
}

/** A record's bytes as a storage; they stay in the file until they are asked for. */
export function recordStorage(entry: ZipEntry): Storage {
  const storage = { byteLength: entry.byteLength, read: (start: number, end: number) => entry.read(start, end) };
  return entry.crc32 === null ? storage : { ...storage, crc32: entry.crc32 };
}

/** The same for a file from a big-endian machine: every number is turned round when it is read. */
export function swappedStorage(entry: ZipEntry, storageClass: PyGlobal): Storage {
  const dtype = STORAGE_DTYPES.get(storageClass.name);
  if (dtype === undefined) return recordStorage(entry); // bytes have no order
  // A complex number is two numbers, and each is turned by itself.
  const width = dtype.startsWith("complex") ? DTYPES[dtype].itemSize / 2 : DTYPES[dtype].itemSize;
  return {
    byteLength: entry.byteLength,
    async read(start, end) {
      const first = Math.floor(start / width) * width;
      const last = Math.min(Math.ceil(end / width) * width, entry.byteLength);
      const bytes = (await entry.read(first, last)).slice();
      if (bytes.byteLength % width === 0) swapInPlace(bytes, width);
      return bytes.subarray(start - first, end - first);
    },
  };
}
