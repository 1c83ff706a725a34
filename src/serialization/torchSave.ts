import type { ByteSink } from "../io/byteSink.js";
import { pickle } from "../pickle/pickler.js";
import type { Reduction } from "../pickle/pickler.js";
import { PyDict, PyFloat, PyGlobal, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { DTYPES } from "../storage/dtype.js";
import { readPieces, SMALL_PIECE, storagePieces } from "./storagePieces.js";
import type { StoragePiece } from "./storagePieces.js";
import type { Quantizer, Storage, StoredTensor } from "../storage/storedTensor.js";
import { ZipWriter } from "../zip/zipWriter.js";
import type { WrittenRecord } from "../zip/zipWriter.js";
import { storageClassOf, storageItemSize } from "./torchStorage.js";

/** How a torch file is written. */
export interface TorchSaveOptions {
  /** The folder all records lie in; Lightning's files have "archive". */
  readonly prefix?: string;
}

const REBUILD_V2 = new PyGlobal("torch._utils", "_rebuild_tensor_v2");
const REBUILD_QUANTIZED = new PyGlobal("torch._utils", "_rebuild_qtensor");
const REBUILD_V3 = new PyGlobal("torch._utils", "_rebuild_tensor_v3");

/** What a torch file is made of: the pickled value, and the storages its tensors lie in, by their numbers in it. */
export interface TorchParts {
  readonly data: Uint8Array;
  readonly storages: readonly Storage[];
}

/** Write a value as torch.save does, storage by storage; a storage that several tensors share is written once. */
export function torchSave(value: PyValue, sink: ByteSink, options: TorchSaveOptions = {}): Promise<void> {
  return writeTorchParts(torchParts(value), sink, options);
}

/** Pickle a value; the bytes of its tensors are left where they are. */
export function torchParts(value: PyValue): TorchParts {
  const storages = new StorageTable();
  const data = pickle(value, {
    persistentId: (storage) => storages.idOf(storage),
    reduceTensor: (tensor) => reduceTensor(tensor, storages),
  });
  return { data, storages: storages.list };
}

/** Write the parts of a file as torch.save does. */
export async function writeTorchParts(
  { data, storages }: TorchParts,
  sink: ByteSink,
  options: TorchSaveOptions = {},
): Promise<void> {
  const prefix = options.prefix ?? "archive";
  const writer = new ZipWriter(sink);
  const add = (name: string, content: string | Uint8Array): Promise<WrittenRecord> =>
    writer.add(`${prefix}/${name}`, typeof content === "string" ? Buffer.from(content, "latin1") : content);
  await add("data.pkl", data);
  await add(".format_version", "1");
  await add(".storage_alignment", "64");
  await add("byteorder", "little");
  const pieces = readPieces(piecesOf(storages.filter((storage) => !isCopied(storage))));
  for (const [key, storage] of storages.entries()) {
    const { byteLength, crc32 } = storage;
    const readInto = isCopied(storage) ? storage.readInto : undefined;
    const bytes = readInto === undefined ? { chunks: () => take(pieces, byteLength) } : { readInto };
    // A checksum that its file has goes along: damage is found in the copy as it is in the original.
    await writer.add(`${prefix}/data/${key}`, { byteLength, crc32, ...bytes });
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
  const { dtype, quantizer } = tensor;
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
  if (quantizer !== undefined) {
    const args = [...place.slice(0, 4), quantizerTuple(quantizer), ...place.slice(4)];
    return { callable: REBUILD_QUANTIZED, args: new PyTuple(args) };
  }
  const metadata = lazyBits(tensor);
  // Only the third form says the dtype itself: for dtypes without a storage class, and for a storage that another dtype named first.
  const typed = DTYPES[dtype].rebuild !== "v3" && storage.storageClass.name === storageClass.name;
  const args = typed ? [...place, ...metadata] : [...place, new PyGlobal("torch", dtype), ...metadata];
  return { callable: typed ? REBUILD_V2 : REBUILD_V3, args: new PyTuple(args) };
}

function quantizerTuple(quantizer: Quantizer): PyTuple {
  const scheme = new PyGlobal("torch", quantizer.scheme);
  if (quantizer.scheme === "per_tensor_affine") {
    return new PyTuple([scheme, new PyFloat(quantizer.scale), quantizer.zeroPoint]);
  }
  return new PyTuple([scheme, quantizer.scales, quantizer.zeroPoints, quantizer.axis]);
}

function lazyBits(tensor: StoredTensor): PyValue[] {
  const bits = new PyDict();
  if (tensor.conjugate) bits.set("conj", true);
  if (tensor.negative) bits.set("neg", true);
  return bits.size === 0 ? [] : [bits];
}

/** Whether a storage is read straight into what is written; small ones are gathered by those who read them. */
function isCopied({ readInto, byteLength }: Storage): boolean {
  return readInto !== undefined && byteLength > SMALL_PIECE;
}

function* piecesOf(storages: readonly Storage[]): Generator<StoragePiece> {
  for (const storage of storages) yield* storagePieces(storage);
}

/** As many of the pieces as make up `byteLength`; the next storage's first one is being read by then. */
async function* take(pieces: AsyncGenerator<Uint8Array>, byteLength: number): AsyncGenerator<Uint8Array> {
  for (let left = byteLength; left > 0;) {
    const next = await pieces.next();
    if (next.done === true) return;
    yield next.value;
    left -= next.value.byteLength;
  }
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
