import { LtrainError } from "../errors.js";
import type { ByteSink } from "../io/byteSink.js";
import { pickle } from "../pickle/pickler.js";
import type { Reduction } from "../pickle/pickler.js";
import { PyDict, PyGlobal, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { DTYPES } from "../storage/dtype.js";
import type { Storage, StoredTensor } from "../storage/storedTensor.js";
import { ZipWriter } from "../zip/zipWriter.js";
import type { WrittenRecord } from "../zip/zipWriter.js";
import { storageClassOf, storageItemSize } from "./torchStorage.js";

/** How a torch file is written. */
export interface TorchSaveOptions {
  /** The folder all records lie in; Lightning's files have "archive". */
  readonly prefix?: string;
}

/** Storages are copied in pieces of this size. */
const CHUNK_BYTES = 1 << 23;

const REBUILD_V2 = new PyGlobal("torch._utils", "_rebuild_tensor_v2");
const REBUILD_V3 = new PyGlobal("torch._utils", "_rebuild_tensor_v3");

/** Write a value as torch.save does, storage by storage; a storage that several tensors share is written once. */
export async function torchSave(value: PyValue, sink: ByteSink, options: TorchSaveOptions = {}): Promise<void> {
  const prefix = options.prefix ?? "archive";
  const storages = new StorageTable();
  const data = pickle(value, {
    persistentId: (storage) => storages.idOf(storage),
    reduceTensor: (tensor) => reduceTensor(tensor, storages),
  });
  const writer = new ZipWriter(sink);
  const add = (name: string, content: string | Uint8Array): Promise<WrittenRecord> =>
    writer.add(`${prefix}/${name}`, typeof content === "string" ? Buffer.from(content, "latin1") : content);
  await add("data.pkl", data);
  await add(".format_version", "1");
  await add(".storage_alignment", "64");
  await add("byteorder", "little");
  for (const [key, storage] of storages.list.entries()) {
    const { byteLength } = storage;
    const content =
      byteLength <= CHUNK_BYTES ? await storage.read(0, byteLength) : { byteLength, chunks: () => chunksOf(storage) };
    const written = await writer.add(`${prefix}/data/${key}`, content);
    checkCopy(storage, written);
  }
  await add("version", "3\n");
  await add(".data/serialization_id", serializationId(writer.records));
  await writer.finish();
}

/** The storages of a file in order of first appearance; their numbers are their keys. */
class StorageTable {
  readonly list: Storage[] = [];
  readonly #known = new Map<Storage, { readonly storage: PyStorage; readonly key: string }>();

  /** The one PyStorage under which `storage` appears: the class of its first tensor decides. */
  classed(storage: Storage, storageClass: PyGlobal): PyStorage {
    return this.#enter(storage, storageClass).storage;
  }

  idOf(reference: PyStorage): PyTuple {
    const { storage, key } = this.#enter(reference.storage, reference.storageClass);
    const { storageClass } = storage;
    const numel = storage.storage.byteLength / storageItemSize(storageClass);
    // Devices do not travel: a file that says cpu loads everywhere.
    return new PyTuple(["storage", storageClass, key, "cpu", numel]);
  }

  #enter(storage: Storage, storageClass: PyGlobal): { readonly storage: PyStorage; readonly key: string } {
    const known = this.#known.get(storage);
    if (known !== undefined) return known;
    const fits = storage.byteLength % storageItemSize(storageClass) === 0;
    const entry = {
      storage: new PyStorage(fits ? storageClass : new PyGlobal("torch.storage", "UntypedStorage"), storage),
      key: String(this.list.length),
    };
    this.list.push(storage);
    this.#known.set(storage, entry);
    return entry;
  }
}

function reduceTensor(tensor: StoredTensor, storages: StorageTable): Reduction {
  const { dtype } = tensor;
  if (DTYPES[dtype].rebuild === "qtensor") {
    throw new LtrainError(
      "checkpoint.unsupported",
      `a ${dtype} tensor cannot be written without its scale and zero point`,
    );
  }
  const storageClass = storageClassOf(dtype);
  const storage = storages.classed(tensor.storage, storageClass);
  const hooks = new PyDict([], "OrderedDict");
  const place: PyValue[] = [
    storage,
    tensor.storageOffset,
    new PyTuple(tensor.shape),
    new PyTuple(tensor.stride),
    tensor.requiresGrad,
    hooks,
  ];
  const metadata = lazyBits(tensor);
  // Only the third form says the dtype itself: for dtypes without a storage class, and for a storage that another dtype named first.
  const typed = DTYPES[dtype].rebuild === "v2" && storage.storageClass.name === storageClass.name;
  const args = typed ? [...place, ...metadata] : [...place, new PyGlobal("torch", dtype), ...metadata];
  return { callable: typed ? REBUILD_V2 : REBUILD_V3, args: new PyTuple(args) };
}

function lazyBits(tensor: StoredTensor): PyValue[] {
  const bits = new PyDict();
  if (tensor.conjugate) bits.set("conj", true);
  if (tensor.negative) bits.set("neg", true);
  return bits.size === 0 ? [] : [bits];
}

async function* chunksOf(storage: Storage): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < storage.byteLength; start += CHUNK_BYTES) {
    yield await storage.read(start, Math.min(start + CHUNK_BYTES, storage.byteLength));
  }
}

/** The checksum of what was copied is known now: if the source has one too, they must be the same. */
function checkCopy(storage: Storage, written: WrittenRecord): void {
  if (storage.crc32 === undefined || storage.crc32 === written.crc32) return;
  throw new LtrainError(
    "checkpoint.malformed",
    `a storage of ${storage.byteLength} bytes is damaged in the file it comes from: its checksum is wrong`,
    { hint: "compare that file with the original" },
  );
}

const U64 = 64;

/** 40 digits that torch writes and nobody reads: one hash of the records' names, one of their checksums. */
function serializationId(records: readonly WrittenRecord[]): string {
  let names = 0n;
  let checksums = 0n;
  for (const { name, crc32, byteLength } of records) {
    for (const unit of name) names = combine(names, BigInt(unit.codePointAt(0) ?? 0));
    if (byteLength > 0) checksums = combine(checksums, BigInt(crc32));
  }
  return [names, checksums].map((hash) => hash.toString().padStart(20, "0")).join("");
}

/** c10's hash_combine: h ^= value + 0x9E3779B9 + (h << 6) + (h >> 2), in 64 bits. */
function combine(hash: bigint, value: bigint): bigint {
  return BigInt.asUintN(U64, hash ^ BigInt.asUintN(U64, value + 0x9e3779b9n + (hash << 6n) + (hash >> 2n)));
}
