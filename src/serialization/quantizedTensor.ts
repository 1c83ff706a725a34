import { LtrainError } from "../errors.js";
import { asItems, asNumber } from "../pickle/convert.js";
import { PyGlobal, PyObject, PyStorage, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import type { DType } from "../storage/dtype.js";
import { storedTensor, StoredTensor } from "../storage/storedTensor.js";
import type { Quantizer } from "../storage/storedTensor.js";
import { counts, denseTensor } from "./denseTensor.js";
import { STORAGE_DTYPES } from "./torchStorage.js";

/** Dtypes that put several numbers in a byte: their shape counts numbers, and no view of bytes can stand for them. */
const PACKED: ReadonlySet<DType | undefined> = new Set<DType | undefined>(["quint4x2", "quint2x4"]);

/**
 * `torch._utils._rebuild_qtensor(storage, offset, size, stride, quantizer, requires_grad, hooks)`: its integers, and
 * how they stand for numbers. The packed dtypes stay symbolic.
 */
export function rebuildQuantized(args: readonly PyValue[]): StoredTensor | undefined {
  const [storage, offset, size, stride, parameters, requiresGrad] = args;
  if (storage instanceof PyStorage && PACKED.has(STORAGE_DTYPES.get(storage.storageClass.name))) return undefined;
  const quantizer = readQuantizer(asItems(parameters) ?? [], counts(size, "size"));
  const origin = new PyObject(new PyGlobal("torch._utils", "_rebuild_qtensor"), new PyTuple(args));
  return denseTensor(storage, offset, size, stride, { requiresGrad, quantizer, origin });
}

function readQuantizer(parameters: readonly PyValue[], shape: readonly number[]): Quantizer {
  const [named, first, second, axis] = parameters;
  const name = named instanceof PyGlobal && named.module === "torch" ? named.name : undefined;
  if (name === "per_tensor_affine") {
    const [scale, zeroPoint] = [asNumber(first), asNumber(second)];
    if (scale === undefined || zeroPoint === undefined) throw malformed("has a scale or zero point that is no number");
    return { scheme: name, scale, zeroPoint };
  }
  if (name !== "per_channel_affine" && name !== "per_channel_affine_float_qparams") {
    throw malformed(`has the scheme ${named instanceof PyGlobal ? named.toString() : "nothing"}, which is not known`);
  }
  const channels = typeof axis === "number" ? shape[axis] : undefined;
  if (typeof axis !== "number" || channels === undefined) {
    throw malformed(`is scaled along an axis that its shape [${shape.join(", ")}] does not have`);
  }
  const wide = name === "per_channel_affine";
  const scales = numbers(first, wide ? "float64" : "float32");
  const zeroPoints = numbers(second, wide ? "int64" : "float32");
  if (scales.numel !== channels || zeroPoints.numel !== channels) {
    throw malformed(`has ${channels} channels, ${scales.numel} scales and ${zeroPoints.numel} zero points`);
  }
  // torch writes the one name for both, and tells them apart by what the zero points are.
  const scheme = zeroPoints.dtype.startsWith("float") ? "per_channel_affine_float_qparams" : name;
  return { scheme, scales, zeroPoints, axis };
}

/** Scales and zero points are tensors; torch before 1.2 wrote lists. */
function numbers(value: PyValue | undefined, dtype: "float64" | "float32" | "int64"): StoredTensor {
  if (value instanceof StoredTensor) return value;
  const plain = asItems(value)?.map(asNumber);
  if (plain === undefined || plain.includes(undefined)) throw malformed("has scales that are neither tensor nor list");
  const values = plain.map((each) => each ?? 0);
  const array =
    dtype === "int64"
      ? BigInt64Array.from(values, (each) => BigInt(Math.trunc(each)))
      : dtype === "float64"
        ? Float64Array.from(values)
        : Float32Array.from(values);
  return storedTensor({ dtype, shape: [array.length], bytes: new Uint8Array(array.buffer) });
}

function malformed(message: string): LtrainError {
  return new LtrainError("checkpoint.malformed", `a quantized tensor ${message}`);
}
