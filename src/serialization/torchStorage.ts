import { DTYPES, itemSize } from "../storage/dtype.js";
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
export function isStorageClass(global: PyGlobal): boolean {
  if (STORAGE_CLASSES.has(global)) return true;
  const { module, name } = global;
  const isOne = STORAGE_MODULES.test(module) && (name === UNTYPED || STORAGE_DTYPES.has(name));
  if (isOne) STORAGE_CLASSES.add(global);
  return isOne;
}

/** Those that have been found to be; a pickle has one object for each name, and names it for every tensor. */
const STORAGE_CLASSES = new WeakSet<PyGlobal>();

/** Bytes per element of a storage class: an UntypedStorage counts bytes. */
export function storageItemSize({ name }: PyGlobal): number {
  const dtype = STORAGE_DTYPES.get(name);
  return dtype === undefined ? 1 : itemSize(dtype);
}

/** The storage class that torch saves tensors of this dtype in. */
export function storageClassOf(dtype: DType): PyGlobal {
  const { storage } = DTYPES[dtype];
  return new PyGlobal(storage === UNTYPED ? "torch.storage" : "torch", storage);
}

/** A record's bytes as a storage; they stay in the file until they are asked for. */
export class RecordStorage implements Storage {
  readonly #entry: ZipEntry;
  constructor(entry: ZipEntry) {
    this.#entry = entry;
  }
  get byteLength(): number {
    return this.#entry.byteLength;
  }
  get name(): string {
    return `record "${this.#entry.name}" at byte ${this.#entry.offset}`;
  }
  get crc32(): number | undefined {
    return this.#entry.crc32 ?? undefined;
  }
  read(start: number, end: number): Promise<Uint8Array> {
    return this.#entry.read(start, end);
  }
  get readInto(): Storage["readInto"] {
    return this.#entry.readInto;
  }
}

/** Bytes of what is turned round in a storage of a big-endian machine: a complex number is two numbers; bytes have no order. */
export function swapWidthOf(storageClass: PyGlobal): number {
  const dtype = STORAGE_DTYPES.get(storageClass.name);
  return dtype === undefined ? 1 : itemSize(dtype) / (dtype.startsWith("complex") ? 2 : 1);
}

/** A storage from a big-endian machine: every number of `width` bytes is turned round when it is read. */
export class SwappedStorage implements Storage {
  readonly #storage: Storage;
  readonly #width: number;
  constructor(storage: Storage, width: number) {
    this.#storage = storage;
    this.#width = width;
  }
  get byteLength(): number {
    return this.#storage.byteLength;
  }
  get name(): string | undefined {
    return this.#storage.name;
  }
  async read(start: number, end: number): Promise<Uint8Array> {
    const width = this.#width;
    const first = Math.floor(start / width) * width;
    const last = Math.min(Math.ceil(end / width) * width, this.byteLength);
    const bytes = (await this.#storage.read(first, last)).slice();
    if (bytes.byteLength % width === 0) swapInPlace(bytes, width);
    return bytes.subarray(start - first, end - first);
  }
}
