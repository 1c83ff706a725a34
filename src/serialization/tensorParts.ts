import { LtrainError } from "../errors.js";
import { asItems } from "../pickle/convert.js";
import { PyDict, PyGlobal, PyObject, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { isDType } from "../storage/dtype.js";
import type { DType } from "../storage/dtype.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { counts } from "./denseTensor.js";
import { STORAGE_DTYPES } from "./torchStorage.js";

/** How a tensor that is not one strided block is put together, in torch's words where torch has one. */
export type TensorLayout =
  | "sparse_coo"
  | "sparse_csr"
  | "sparse_csc"
  | "sparse_bsr"
  | "sparse_bsc"
  | "nested_strided"
  | "nested_jagged"
  /** Several numbers in a byte: quint4x2, quint2x4. */
  | "quantized_packed"
  /** A shape without numbers. */
  | "meta"
  /** A subclass that holds its numbers in tensors of its own: DTensor. */
  | "wrapper"
  /** A lazy module's parameter before its first batch. */
  | "uninitialized";

/** A tensor that is made of others: what it is as a whole, and the dense tensors that it has in the file. */
export interface TensorParts {
  readonly layout: TensorLayout;
  /** null when only the values could tell. */
  readonly dtype: DType | null;
  /** null for a nested tensor, whose rows differ, and for one that has no shape yet. */
  readonly shape: readonly number[] | null;
  /** The Python class, where it is not torch.Tensor. */
  readonly className: string | null;
  readonly requiresGrad: boolean;
  /** Of sparse COO; null where torch before 1.13 did not say. */
  readonly isCoalesced: boolean | null;
  /** Of a jagged tensor: the axis whose length differs from row to row, counted as torch counts it. */
  readonly raggedAxis: number | null;
  /** By their names in torch: indices, values, crow_indices ... */
  readonly parts: ReadonlyMap<string, StoredTensor>;
}

const NOTHING = {
  dtype: null,
  shape: null,
  className: null,
  requiresGrad: false,
  isCoalesced: null,
  raggedAxis: null,
} as const;

/** What a rebuild call that is kept symbolic stands for, when that is a tensor; undefined for every other object. */
export function tensorPartsOf(object: PyObject): TensorParts | undefined {
  const { callable, args } = object;
  if (!(callable instanceof PyGlobal) || !(args instanceof PyTuple)) return undefined;
  return READERS.get(callable.toString())?.(args.items);
}

type Reader = (args: readonly PyValue[]) => TensorParts | undefined;

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["torch._utils._rebuild_sparse_tensor", sparse],
  ["torch._utils._rebuild_sparse_csr_tensor", ([layout, data]) => sparse([layout ?? null, data ?? null])],
  ["torch._utils._rebuild_nested_tensor", nested],
  ["torch._utils._rebuild_qtensor", packed],
  ["torch._utils._rebuild_meta_tensor_no_storage", meta],
  ["torch._utils._rebuild_parameter", parameter],
  ["torch._utils._rebuild_parameter_with_state", parameter],
  ["torch._tensor._rebuild_from_type_v2", fromType],
  ["torch._tensor._rebuild_from_type", fromType],
  ["torch.nested._internal.nested_tensor._rebuild_njt", jagged],
  ["torch.nn.parameter.UninitializedParameter", (args) => uninitialized("UninitializedParameter", args[0] === true)],
  ["torch.nn.parameter.UninitializedBuffer", () => uninitialized("UninitializedBuffer", false)],
]);

/** Names of what a sparse layout is stored as (lightning-checkpoint-format.md, 2.3). */
const SPARSE_PARTS: Readonly<Record<string, readonly string[]>> = {
  sparse_coo: ["indices", "values"],
  sparse_csr: ["crow_indices", "col_indices", "values"],
  sparse_bsr: ["crow_indices", "col_indices", "values"],
  sparse_csc: ["ccol_indices", "row_indices", "values"],
  sparse_bsc: ["ccol_indices", "row_indices", "values"],
};

function sparse([layoutValue, data]: readonly PyValue[]): TensorParts | undefined {
  const layout = layoutName(layoutValue);
  const names = layout === undefined ? undefined : SPARSE_PARTS[layout];
  const items = asItems(data);
  if (layout === undefined || names === undefined || items === undefined) return undefined;
  const parts = new Map<string, StoredTensor>();
  names.forEach((name, index) => {
    const part = items[index];
    if (part instanceof StoredTensor) parts.set(name, part);
  });
  const coalesced = items[names.length + 1];
  return {
    ...NOTHING,
    layout: layout as TensorLayout,
    dtype: parts.get("values")?.dtype ?? null,
    shape: sizeOf(items[names.length]),
    isCoalesced: layout === "sparse_coo" && typeof coalesced === "boolean" ? coalesced : null,
    parts,
  };
}

/** `torch.serialization._get_layout('torch.sparse_coo')`: "sparse_coo". */
function layoutName(value: PyValue | undefined): string | undefined {
  if (!(value instanceof PyObject) || value.className !== "torch.serialization._get_layout") return undefined;
  const [name] = value.args instanceof PyTuple ? value.args.items : [];
  return typeof name === "string" ? name.replace(/^torch\./, "") : undefined;
}

function nested([buffer, sizes, strides, offsets]: readonly PyValue[]): TensorParts | undefined {
  const parts = tensorsAmong({ buffer, sizes, strides, storage_offsets: offsets });
  const values = parts.get("buffer");
  return values === undefined ? undefined : { ...NOTHING, layout: "nested_strided", dtype: values.dtype, parts };
}

function jagged([state]: readonly PyValue[]): TensorParts | undefined {
  const attributes = state instanceof PyDict ? state : new PyDict();
  const parts = tensorsAmong({
    values: attributes.get("values"),
    offsets: attributes.get("offsets"),
    lengths: attributes.get("lengths"),
  });
  const axis = attributes.get("_ragged_idx");
  const raggedAxis = typeof axis === "number" ? axis : 1;
  return { ...NOTHING, layout: "nested_jagged", dtype: parts.get("values")?.dtype ?? null, raggedAxis, parts };
}

function packed([storage, , size, , , requiresGrad]: readonly PyValue[]): TensorParts | undefined {
  if (!(storage instanceof PyStorage)) return undefined;
  const dtype = STORAGE_DTYPES.get(storage.storageClass.name) ?? null;
  const { byteLength } = storage.storage;
  const bytes = new StoredTensor({
    dtype: "uint8",
    shape: [byteLength],
    stride: [1],
    storageOffset: 0,
    storage: storage.storage,
    device: storage.location,
  });
  const parts = new Map([["packed", bytes]]);
  return {
    ...NOTHING,
    layout: "quantized_packed",
    dtype,
    shape: sizeOf(size),
    requiresGrad: requiresGrad === true,
    parts,
  };
}

function meta([dtype, size, , requiresGrad]: readonly PyValue[]): TensorParts {
  return {
    ...NOTHING,
    layout: "meta",
    dtype: dtypeOf(dtype),
    shape: sizeOf(size),
    requiresGrad: requiresGrad === true,
    parts: new Map(),
  };
}

/** A parameter is its tensor; a parameter of something that is no tensor is nothing known. */
function parameter([tensor, requiresGrad]: readonly PyValue[]): TensorParts | undefined {
  const inner = tensor instanceof PyObject ? tensorPartsOf(tensor) : undefined;
  return inner === undefined
    ? undefined
    : { ...inner, className: "torch.nn.parameter.Parameter", requiresGrad: requiresGrad === true };
}

/** `(func, type, args, state)`: a subclass; what func makes, or a wrapper whose tensors are its attributes. */
function fromType([func, type, inner, state]: readonly PyValue[]): TensorParts | undefined {
  if (!(func instanceof PyGlobal) || func.module === "torch._tensor") return undefined;
  const args = asItems(inner) ?? [];
  const className = type instanceof PyGlobal ? type.toString() : null;
  if (func.toString() === "torch._utils._rebuild_wrapper_subclass") {
    const [, dtype, size, , , , , requiresGrad] = args;
    return {
      ...NOTHING,
      layout: "wrapper",
      dtype: dtypeOf(dtype),
      shape: sizeOf(size),
      className,
      requiresGrad: requiresGrad === true,
      parts: attributesOf(state),
    };
  }
  // A jagged tensor's state is the argument itself.
  const parts = READERS.get(func.toString())?.(inner instanceof PyDict ? [inner] : args);
  return parts === undefined ? undefined : { ...parts, className };
}

function uninitialized(name: string, requiresGrad: boolean): TensorParts {
  const className = `torch.nn.parameter.${name}`;
  return { ...NOTHING, layout: "uninitialized", className, requiresGrad, parts: new Map() };
}

/** Attributes of an object that are tensors: a dict, or a tuple of a dict and the slots. */
function attributesOf(state: PyValue | undefined): ReadonlyMap<string, StoredTensor> {
  const parts = new Map<string, StoredTensor>();
  for (const each of state instanceof PyTuple ? state.items : [state]) {
    if (!(each instanceof PyDict)) continue;
    for (const [name, value] of each) {
      if (typeof name === "string" && value instanceof StoredTensor) parts.set(name, value);
    }
  }
  return parts;
}

function tensorsAmong(values: Readonly<Record<string, PyValue | undefined>>): Map<string, StoredTensor> {
  const found = Object.entries(values).filter((entry): entry is [string, StoredTensor] => {
    return entry[1] instanceof StoredTensor;
  });
  return new Map(found);
}

function sizeOf(value: PyValue | undefined): readonly number[] | null {
  try {
    return counts(value, "size");
  } catch (error) {
    if (error instanceof LtrainError) return null; // shown without a shape; nothing is read by it
    throw error;
  }
}

function dtypeOf(value: PyValue | undefined): DType | null {
  return value instanceof PyGlobal && value.module === "torch" && isDType(value.name) ? value.name : null;
}
