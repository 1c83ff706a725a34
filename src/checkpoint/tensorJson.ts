import { PyDict, PyGlobal, PyObject, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { nestedRows } from "../serialization/nestedTensor.js";
import type { TensorParts } from "../serialization/tensorParts.js";
import { decodeNumbers } from "../storage/decode.js";
import type { Quantizer, Storage, StoredTensor } from "../storage/storedTensor.js";
import { isContiguous, readTensor } from "../storage/strided.js";
import { describeValue } from "./describeValue.js";
import type { JsonValue } from "./jsonValue.js";
import { jsonNumber } from "./jsonValue.js";
import type { AnyTensorAtPath } from "./treePaths.js";

/** A JSON object that is still being filled. */
export type JsonFields = Record<string, JsonValue>;

/** What `describe` can be asked to add to each dense tensor; it is given the tensor once for each of its names. */
export type Addition = (tensor: StoredTensor) => Promise<JsonFields>;

/**
 * Tensors in the words of the JSON schema (docs/inspect.md). Storages are numbered as they are met, so that equal
 * numbers say that two tensors share memory.
 */
export class TensorDescriber {
  readonly #storages = new Map<Storage, number>();
  readonly #addition: Addition | undefined;

  constructor(addition?: Addition) {
    this.#addition = addition;
  }

  /** One tensor of a file; only quantizers, nested sizes and what the addition needs are read. */
  async describe(found: AnyTensorAtPath): Promise<JsonFields> {
    const fields = "tensor" in found ? await this.#dense(found.tensor) : await this.#composed(found.parts, found.path);
    return { path: found.path, ...fields };
  }

  async #dense(tensor: StoredTensor): Promise<JsonFields> {
    const number = this.#storages.get(tensor.storage) ?? this.#storages.size;
    this.#storages.set(tensor.storage, number);
    return {
      dtype: tensor.dtype,
      shape: tensor.shape,
      stride: tensor.stride,
      storage_offset: tensor.storageOffset,
      numel: tensor.numel,
      bytes: tensor.byteLength,
      storage: number,
      storage_nbytes: tensor.storage.byteLength,
      ...(isContiguous(tensor.shape, tensor.stride) ? {} : { is_contiguous: false }),
      ...(tensor.device === "cpu" ? {} : { device: tensor.device }),
      ...(tensor.conjugate ? { is_conj: true } : {}),
      ...(tensor.negative ? { is_neg: true } : {}),
      ...(tensor.quantizer === undefined ? {} : { quantization: await quantization(tensor.quantizer) }),
      ...originFields(tensor),
      ...(this.#addition === undefined ? {} : await this.#addition(tensor)),
    };
  }

  async #composed(whole: TensorParts, path: string): Promise<JsonFields> {
    const rows = await nestedRows(whole, path);
    const named: readonly (readonly [string, StoredTensor])[] =
      rows === undefined ? [...whole.parts] : rows.map((row, index) => [String(index), row]);
    const parts: JsonFields = Object.create(null) as JsonFields;
    for (const [name, tensor] of named) parts[name] = await this.#dense(tensor);
    const bytes = named.reduce((sum, [, tensor]) => sum + tensor.byteLength, 0);
    return {
      // torch makes an uninitialized parameter of its default dtype; the file does not say one.
      dtype: whole.dtype ?? (whole.layout === "uninitialized" ? "float32" : null),
      shape: whole.shape,
      layout: whole.layout,
      bytes,
      ...(whole.isCoalesced === null ? {} : { is_coalesced: whole.isCoalesced }),
      ...(whole.requiresGrad ? { requires_grad: true } : {}),
      ...(whole.className === null ? {} : { class: whole.className }),
      ...(whole.layout === "uninitialized" ? { uninitialized: true } : { parts }),
    };
  }
}

/** `requires_grad` where it is true, the Python class where it is not torch.Tensor, and attributes set on the tensor. */
function originFields({ requiresGrad, origin }: StoredTensor): JsonFields {
  const fields: JsonFields = requiresGrad ? { requires_grad: true } : {};
  if (!(origin instanceof PyObject) || !(origin.callable instanceof PyGlobal)) return fields;
  const args = origin.args instanceof PyTuple ? origin.args.items : [];
  const { name } = origin.callable;
  if (name.startsWith("_rebuild_parameter")) return { ...fields, class: "Parameter", ...attributeFields(args[3]) };
  if (!name.startsWith("_rebuild_from_type")) return fields;
  const [, type, , state] = args;
  const isPlain = !(type instanceof PyGlobal) || type.toString() === "torch.Tensor";
  return { ...fields, ...(isPlain ? {} : { class: type.toString() }), ...attributeFields(state) };
}

function attributeFields(state: PyValue | undefined): JsonFields {
  const parts = state instanceof PyTuple ? state.items : [state];
  const attributes = parts.flatMap((part) => (part instanceof PyDict ? [...part] : []));
  if (attributes.length === 0) return {};
  const object: JsonFields = Object.create(null) as JsonFields;
  for (const [key, value] of attributes) {
    object[typeof key === "string" ? key : describeValue(key)] = describeValue(value);
  }
  return { python_attributes: object };
}

async function quantization(quantizer: Quantizer): Promise<JsonValue> {
  if (quantizer.scheme === "per_tensor_affine") {
    const { scheme, scale, zeroPoint } = quantizer;
    return { qscheme: scheme, scale: jsonNumber(scale), zero_point: zeroPoint };
  }
  const { scheme, axis, scales, zeroPoints } = quantizer;
  return { qscheme: scheme, axis, scales: await numbers(scales), zero_points: await numbers(zeroPoints) };
}

async function numbers(tensor: StoredTensor): Promise<JsonValue> {
  const { bytes, dtype } = await readTensor(tensor);
  return Array.from(decodeNumbers(bytes, dtype), jsonNumber);
}
