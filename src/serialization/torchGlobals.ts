import { LtrainError } from "../errors.js";
import type { Rebuild } from "../pickle/unpickler.js";
import { PyDict, PyGlobal, PyObject, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { isDType, itemSize } from "../storage/dtype.js";
import type { DType } from "../storage/dtype.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { STORAGE_DTYPES } from "./torchStorage.js";

/** numpy stops at 64, and nobody has been seen near it. */
const MAX_RANK = 64;

/** torch's functions that make a dense tensor of a storage; everything else in a file stays a name. */
const REBUILDERS: ReadonlyMap<string, Rebuild> = new Map<string, Rebuild>([
  ["torch._utils._rebuild_tensor", ([storage, offset, size, stride]) => view(storage, offset, size, stride, {})],
  ["torch._utils._rebuild_tensor_v2", rebuildV2],
  ["torch._utils._rebuild_tensor_v3", rebuildV3],
  ["torch._utils._rebuild_parameter", (args) => rebuildParameter("_rebuild_parameter", args)],
  ["torch._utils._rebuild_parameter_with_state", (args) => rebuildParameter("_rebuild_parameter_with_state", args)],
  ["torch._tensor._rebuild_from_type_v2", rebuildFromType],
]);

/** How torch's own calls are rebuilt; undefined for what is not a dense tensor. */
export function findTorchClass(global: PyGlobal): Rebuild | undefined {
  return REBUILDERS.get(global.toString());
}

function rebuildV2(args: readonly PyValue[]): PyValue | undefined {
  const [storage, offset, size, stride, requiresGrad, , metadata] = args;
  return view(storage, offset, size, stride, { requiresGrad, metadata });
}

function rebuildV3(args: readonly PyValue[]): PyValue | undefined {
  const [storage, offset, size, stride, requiresGrad, , dtype, metadata] = args;
  if (!(dtype instanceof PyGlobal)) throw malformed("a tensor's dtype is not a name");
  if (dtype.module !== "torch" || !isDType(dtype.name)) {
    throw new LtrainError("checkpoint.unsupported", `a tensor has dtype ${dtype.toString()}, which is not known here`);
  }
  return view(storage, offset, size, stride, { requiresGrad, metadata, dtype: dtype.name });
}

interface ViewOptions {
  readonly requiresGrad?: PyValue | undefined;
  readonly metadata?: PyValue | undefined;
  readonly dtype?: DType;
}

function view(
  storage: PyValue | undefined,
  offset: PyValue | undefined,
  size: PyValue | undefined,
  stride: PyValue | undefined,
  options: ViewOptions,
): StoredTensor {
  if (!(storage instanceof PyStorage)) throw malformed("a tensor has no storage");
  const dtype = options.dtype ?? STORAGE_DTYPES.get(storage.storageClass.name);
  if (dtype === undefined)
    throw malformed(`a tensor lies in a ${storage.storageClass.toString()} and does not say its dtype`);
  const { metadata } = options;
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
  });
  checkInside(tensor);
  return tensor;
}

function count(value: PyValue | undefined, what: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw malformed(`a tensor's ${what} is ${typeof value === "number" ? value : "not a whole number"}`);
  }
  return value;
}

function counts(value: PyValue | undefined, what: string): readonly number[] {
  // A torch.Size is a tuple with another name.
  const plain = value instanceof PyObject && value.className === "torch.Size" ? sizeItems(value) : value;
  if (!(plain instanceof PyTuple)) throw malformed(`a tensor's ${what} is not a tuple`);
  if (plain.items.length > MAX_RANK) {
    throw malformed(`a tensor has ${plain.items.length} dimensions; more than ${MAX_RANK} are not read`);
  }
  return plain.items.map((item) => count(item, what));
}

function sizeItems(size: PyObject): PyValue | undefined {
  return size.args instanceof PyTuple ? size.args.items[0] : undefined;
}

/** Every element lies in the storage: nothing is read beyond it, and no size is believed that it cannot hold. */
function checkInside(tensor: StoredTensor): void {
  const { shape, stride, storageOffset, storage, dtype } = tensor;
  const named = `tensor ${dtype} [${shape.join(", ")}]`;
  if (shape.length !== stride.length) {
    throw malformed(`${named} has ${shape.length} dimensions and ${stride.length} strides`);
  }
  if (!Number.isSafeInteger(tensor.byteLength)) throw malformed(`${named} is larger than any file`);
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * (stride[axis] ?? 0), storageOffset);
  const needed = tensor.numel === 0 ? 0 : (last + 1) * itemSize(dtype);
  if (!(needed <= storage.byteLength)) {
    throw malformed(
      `${named} with stride [${stride.join(", ")}] from element ${storageOffset} takes ${needed} bytes ` +
        `of a storage of ${storage.byteLength}`,
    );
  }
}

function rebuildParameter(name: string, args: readonly PyValue[]): PyValue | undefined {
  const [tensor, requiresGrad] = args;
  if (tensor instanceof PyObject) return undefined; // a parameter of a tensor that is not dense
  if (!(tensor instanceof StoredTensor)) throw malformed("a parameter is made of something that is not a tensor");
  const origin = new PyObject(new PyGlobal("torch._utils", name), new PyTuple(args));
  return marked(tensor, requiresGrad === true, origin);
}

/** A tensor with Python attributes, or of a subclass: the numbers are those of the tensor that `func(*args)` makes. */
function rebuildFromType(args: readonly PyValue[]): PyValue | undefined {
  const [func, , inner] = args;
  if (!(func instanceof PyGlobal) || !(inner instanceof PyTuple)) return undefined;
  // Itself as its own func would go round and round.
  if (func.toString() === "torch._tensor._rebuild_from_type_v2") return undefined;
  const tensor = findTorchClass(func)?.(inner.items);
  if (!(tensor instanceof StoredTensor)) return undefined;
  const origin = new PyObject(new PyGlobal("torch._tensor", "_rebuild_from_type_v2"), new PyTuple(args));
  return marked(tensor, tensor.requiresGrad, origin);
}

function marked(tensor: StoredTensor, requiresGrad: boolean, origin: PyObject): StoredTensor {
  const { dtype, shape, stride, storageOffset, storage, conjugate, negative, device } = tensor;
  return new StoredTensor({
    dtype,
    shape,
    stride,
    storageOffset,
    storage,
    conjugate,
    negative,
    device,
    requiresGrad,
    origin,
  });
}

function malformed(message: string): LtrainError {
  return new LtrainError("checkpoint.malformed", message);
}
