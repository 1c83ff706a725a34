import { LtrainError } from "../errors.js";
import { PyDict, PyObject, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { itemSize } from "../storage/dtype.js";
import type { DType } from "../storage/dtype.js";
import { StoredTensor } from "../storage/storedTensor.js";
import type { Quantizer } from "../storage/storedTensor.js";
import { STORAGE_DTYPES } from "./torchStorage.js";

/** As many dimensions as numpy has; nobody has been seen near it. */
export const MAX_RANK = 64;

/** What a rebuild call says of a tensor beside its place in the storage. */
export interface ViewOptions {
  readonly requiresGrad?: PyValue | undefined;
  /** torch's lazy bits: `{"conj": True}`, `{"neg": True}`. */
  readonly metadata?: PyValue | undefined;
  /** The element type, where the storage's class does not tell it. */
  readonly dtype?: DType | undefined;
  readonly quantizer?: Quantizer | undefined;
  readonly origin?: PyObject | undefined;
}

/**
 * The tensor that `_rebuild_tensor*(storage, offset, size, stride, ...)` stands for, every element of it inside the
 * storage; undefined when the storage is itself a call that stays symbolic.
 */
export function denseTensor(
  storage: PyValue | undefined,
  offset: PyValue | undefined,
  size: PyValue | undefined,
  stride: PyValue | undefined,
  options: ViewOptions,
): StoredTensor | undefined {
  if (storage instanceof PyObject) return undefined;
  if (!(storage instanceof PyStorage)) throw malformed("a tensor has no storage");
  const dtype = options.dtype ?? STORAGE_DTYPES.get(storage.storageClass.name);
  if (dtype === undefined)
    throw malformed(`a tensor lies in a ${storage.storageClass.toString()} and does not say its dtype`);
  const { metadata, quantizer, origin } = options;
  const tensor = new StoredTensor({
    dtype,
    shape: counts(size, "size"),
    stride: counts(stride, "stride"),
    storageOffset: count(offset, "storage offset"),
    storage: storage.storage,
    requiresGrad: options.requiresGrad === true,
    conjugate: metadata instanceof PyDict && metadata.get("conj") === true,
    negative: metadata instanceof PyDict && metadata.get("neg") === true,
    device: storage.location,
    quantizer,
    origin,
  });
  checkInside(tensor);
  return tensor;
}

/** The same of parts that are whole numbers already; undefined where the storage's class does not tell the dtype. */
export function denseTensorAt(
  { storageClass, storage, location }: PyStorage,
  storageOffset: number,
  shape: readonly number[],
  stride: readonly number[],
  requiresGrad: boolean,
): StoredTensor | undefined {
  const dtype = STORAGE_DTYPES.get(storageClass.name);
  if (dtype === undefined) return undefined;
  const tensor = new StoredTensor({ dtype, shape, stride, storageOffset, storage, requiresGrad, device: location });
  checkInside(tensor);
  return tensor;
}

/** A whole number that is not negative. */
export function count(value: PyValue | undefined, what: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw malformed(`a tensor's ${what} is ${typeof value === "number" ? value : "not a whole number"}`);
  }
  return value;
}

/** The whole numbers of a size or stride; a torch.Size is a tuple with another name. */
export function counts(value: PyValue | undefined, what: string): readonly number[] {
  const plain = value instanceof PyObject && value.className === "torch.Size" ? sizeItems(value) : value;
  // Files of torch 0.1 to 0.3 have lists and longs.
  const items = plain instanceof PyTuple ? plain.items : Array.isArray(plain) ? plain : undefined;
  if (items === undefined) throw malformed(`a tensor's ${what} is not a tuple`);
  if (items.length > MAX_RANK) {
    throw malformed(`a tensor has ${items.length} dimensions; more than ${MAX_RANK} are not read`);
  }
  for (const item of items) count(item, what);
  // Of a list a copy: the pickle may go on to fill it.
  return (plain instanceof PyTuple ? items : items.slice()) as readonly number[];
}

function sizeItems(size: PyObject): PyValue | undefined {
  return size.args instanceof PyTuple ? size.args.items[0] : undefined;
}

/** Every element lies in the storage: nothing is read beyond it, and no size is believed that it cannot hold. */
export function checkInside(tensor: StoredTensor): void {
  const { shape, stride, storageOffset, storage, dtype } = tensor;
  const named = (): string => `tensor ${dtype} [${shape.join(", ")}]`;
  if (shape.length !== stride.length) {
    throw malformed(`${named()} has ${shape.length} dimensions and ${stride.length} strides`);
  }
  if (!Number.isSafeInteger(tensor.byteLength)) throw malformed(`${named()} is larger than any file`);
  let last = storageOffset;
  for (let axis = 0; axis < shape.length; axis += 1) last += ((shape[axis] ?? 1) - 1) * (stride[axis] ?? 0);
  const needed = tensor.numel === 0 ? 0 : (last + 1) * itemSize(dtype);
  if (!(needed <= storage.byteLength)) {
    throw malformed(
      `${named()} with stride [${stride.join(", ")}] from element ${storageOffset} takes ${needed} bytes ` +
        `of a storage of ${storage.byteLength}`,
    );
  }
}

/** The same elements under another device, gradient flag or origin. */
export function withMarks(
  tensor: StoredTensor,
  marks: { readonly requiresGrad: boolean; readonly origin: PyObject; readonly device?: string },
): StoredTensor {
  const { dtype, shape, stride, storageOffset, storage, conjugate, negative, device, quantizer } = tensor;
  return new StoredTensor({
    dtype,
    shape,
    stride,
    storageOffset,
    storage,
    conjugate,
    negative,
    device,
    quantizer,
    ...marks,
  });
}

function malformed(message: string): LtrainError {
  return new LtrainError("checkpoint.malformed", message);
}
