import { LtrainError } from "../errors.js";
import { bytesSource } from "../io/byteSource.js";
import type { ByteSource } from "../io/byteSource.js";
import { readPickle } from "../pickle/unpickler.js";
import type { Unpickled } from "../pickle/unpickler.js";
import { PyDict, PyGlobal, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import type { Storage } from "../storage/storedTensor.js";
import { PickleStream } from "./pickleStream.js";
import { partOfStorage } from "./sourceStorage.js";
import { foreignStorage, readStorageId } from "./archiveStorages.js";
import { findTorchClass } from "./torchGlobals.js";
import { storageIdOf } from "./textStorageId.js";
import { storageItemSize } from "./torchStorage.js";

/** A file of torch before 1.6: five pickles and then the storages (lightning-checkpoint-format.md, 3.1). */
export interface LegacyFile {
  readonly value: PyValue;
  readonly protocol: number;
  readonly globals: readonly PyGlobal[];
  readonly opcodes: readonly string[];
  readonly unnamedCalls: readonly string[];
  readonly storageCount: number;
  readonly storageBytes: number;
  /** Bytes behind the last storage: another torch.save into the same file, which torch.load does not see either. */
  readonly trailingBytes: number;
}

const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;
const COUNT_BYTES = 8;

/** Read the pickles of a legacy file; the storages' bytes stay where they are. */
export async function loadLegacy(source: ByteSource): Promise<LegacyFile> {
  const stream = new PickleStream(source);
  const magic = await stream.next("the magic number");
  if (magic.value !== MAGIC_NUMBER) throw malformed("does not begin with torch's magic number", magic);
  const version = await stream.next("the protocol version");
  if (version.value !== PROTOCOL_VERSION) {
    throw malformed(`should say protocol version ${PROTOCOL_VERSION}`, version);
  }
  // Sizes and byte order of the writing machine: torch writes little-endian everywhere, and does not look here either.
  const machine = await stream.next("the description of the machine");
  if (!(machine.value instanceof PyDict))
    throw malformed("describes its machine with something that is not a dict", machine);
  const storages = new LegacyStorages(source);
  const object = await stream.next("the object", {
    persistentLoad: (id) => storages.load(id),
    findClass: findTorchClass,
  });
  const keys = await stream.next("the list of storages");
  if (!Array.isArray(keys.value)) throw malformed("lists its storages in something that is not a list", keys);
  const end = storages.place(keys.value, stream.at);
  return {
    value: object.value,
    protocol: object.protocol,
    globals: object.globals,
    opcodes: object.opcodes,
    unnamedCalls: object.unnamedCalls,
    storageCount: keys.value.length,
    storageBytes: end - stream.at - keys.value.length * COUNT_BYTES,
    trailingBytes: source.byteLength - end,
  };
}

/**
 * The storage in the bytes of `torch.storage._load_from_bytes(bytes)`, as a tensor's storage is written by plain
 * `pickle.dump`: a legacy file in memory whose object is the storage. Undefined when it is anything else.
 */
export function storageFromBytes(bytes: Uint8Array): PyStorage | undefined {
  const storages = new LegacyStorages(bytesSource(bytes));
  const parts: PyValue[] = [];
  let start = 0;
  for (const name of ["the magic number", "the version", "the machine", "the object", "the list of storages"]) {
    const read = readPickle(bytes, {
      name,
      start,
      persistentLoad: (id) => storages.load(id),
      findClass: findTorchClass,
    });
    parts.push(read.value);
    start = read.end;
    if (parts.length === 1 && read.value !== MAGIC_NUMBER) return undefined;
  }
  const [, , , storage, keys] = parts;
  if (!(storage instanceof PyStorage) || !Array.isArray(keys)) return undefined;
  storages.place(keys, start);
  return storage;
}

/** The storages that the object names; where each lies is known when all pickles have been read. */
class LegacyStorages {
  readonly #source: ByteSource;
  readonly #roots = new Map<string, { readonly storage: LegacyStorage; readonly loaded: PyStorage }>();
  readonly #views = new Map<string, PyStorage>();

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** `('storage', class, key, location, numel, view)`, or `('module', class, file, source)` that stands for its class. */
  load(spelledId: PyValue): PyValue {
    const id = storageIdOf(spelledId);
    if (id instanceof PyTuple && id.items[0] === "module") {
      const [, moduleClass] = id.items;
      if (moduleClass instanceof PyGlobal) return moduleClass;
    }
    const foreign = foreignStorage(id);
    if (foreign !== undefined) return foreign;
    const { storageClass, key, location, numel } = readStorageId(id);
    const itemSize = storageItemSize(storageClass);
    const known = this.#roots.get(key);
    const storage = known?.storage ?? new LegacyStorage(this.#source, key, numel, itemSize);
    if (storage.byteLength !== numel * itemSize) {
      throw new LtrainError(
        "checkpoint.malformed",
        `storage "${key}" has ${numel * itemSize} bytes in one place and ${storage.byteLength} in another`,
      );
    }
    const loaded = known?.loaded ?? new PyStorage(storageClass, storage, location);
    this.#roots.set(key, { storage, loaded });
    const view = id instanceof PyTuple ? id.items[5] : undefined;
    return view instanceof PyTuple ? this.#view(loaded, view, itemSize) : loaded;
  }

  /** `(key of the view, offset, numel)`: a slice of a storage, in elements; torch has made none since 0.4. */
  #view(root: PyStorage, view: PyTuple, itemSize: number): PyStorage {
    const [key, offset, numel] = view.items;
    const isCount = (value: PyValue | undefined): value is number =>
      typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
    if (typeof key !== "string" || !isCount(offset) || !isCount(numel)) {
      throw new LtrainError("checkpoint.malformed", "a view of a storage has no key, offset or length");
    }
    if ((offset + numel) * itemSize > root.storage.byteLength) {
      throw new LtrainError(
        "checkpoint.malformed",
        `view "${key}" ends at element ${offset + numel} of a storage of ${root.storage.byteLength / itemSize}`,
      );
    }
    const part = partOfStorage(root.storage, offset * itemSize, numel * itemSize);
    const loaded = this.#views.get(key) ?? new PyStorage(root.storageClass, part, root.location);
    this.#views.set(key, loaded);
    return loaded;
  }

  /** The storages lie in the order of `keys` from `start` on, each behind its count; gives where the last one ends. */
  place(keys: readonly PyValue[], start: number): number {
    let at = start;
    const placed = new Set<string>();
    for (const key of keys) {
      const name = typeof key === "number" ? String(key) : key;
      if (typeof name !== "string") throw new LtrainError("checkpoint.malformed", "a storage is listed without a name");
      const storage = this.#roots.get(name)?.storage;
      if (storage === undefined || placed.has(name)) {
        const why = storage === undefined ? "no tensor lies in" : "it has named before";
        throw new LtrainError("checkpoint.malformed", `the list of storages names "${name}", which ${why}`);
      }
      placed.add(name);
      storage.start = at + COUNT_BYTES;
      at = storage.start + storage.byteLength;
    }
    for (const [key] of this.#roots) {
      if (!placed.has(key)) throw new LtrainError("checkpoint.malformed", `storage "${key}" is not in the file`);
    }
    if (at > this.#source.byteLength) {
      throw new LtrainError(
        "checkpoint.malformed",
        `the file is cut short: its storages should end at byte ${at}, and it ends at byte ${this.#source.byteLength}`,
        { hint: "compare its size with the original" },
      );
    }
    return at;
  }
}

/** The bytes of one storage, behind the number of its elements. */
class LegacyStorage implements Storage {
  readonly byteLength: number;
  /** Where its bytes begin in the file. */
  start = 0;
  readonly #source: ByteSource;
  readonly #key: string;
  readonly #numel: number;
  #checked: Promise<void> | undefined;

  constructor(source: ByteSource, key: string, numel: number, itemSize: number) {
    this.#source = source;
    this.#key = key;
    this.#numel = numel;
    this.byteLength = numel * itemSize;
  }

  async read(from: number, to: number): Promise<Uint8Array> {
    // The count in front is looked at once, when the storage is: a file has a hundred thousand of them.
    await (this.#checked ??= this.#check());
    return this.#source.read(this.start + from, this.start + to);
  }

  async #check(): Promise<void> {
    const bytes = await this.#source.read(this.start - COUNT_BYTES, this.start);
    const count = new DataView(bytes.buffer, bytes.byteOffset, COUNT_BYTES).getBigUint64(0, true);
    if (count === BigInt(this.#numel)) return;
    throw new LtrainError(
      "checkpoint.malformed",
      `storage "${this.#key}" at byte ${this.start - COUNT_BYTES} says it has ${count} elements, and the pickle says ${this.#numel}`,
      { hint: "the file may be damaged; compare it with the original" },
    );
  }
}

/** What is wrong with one of the small pickles; what it names is named, for it is no accident. */
function malformed(what: string, { value, globals }: Unpickled): LtrainError {
  const names = globals.map(String).join(", ");
  const found = names === "" ? (typeof value === "number" ? ` (it says ${value})` : "") : ` (it names ${names})`;
  return new LtrainError("checkpoint.malformed", `a file of torch before 1.6 ${what}${found}`, {
    hint: "the file may be damaged; compare it with the original",
  });
}
