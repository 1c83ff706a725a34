import { checkedStorage } from "../serialization/copiedStorage.js";
import { decodeNumbers } from "../storage/decode.js";
import { itemSize } from "../storage/dtype.js";
import type { DType } from "../storage/dtype.js";
import { isHalf, narrowArray, widenArray } from "../storage/float16.js";
import { StoredTensor } from "../storage/storedTensor.js";
import type { Storage } from "../storage/storedTensor.js";

/** What floating-point tensors can be turned into. */
export const CAST_DTYPES = ["float16", "bfloat16", "float32"] as const;

/** One of the dtypes that floating-point tensors can be turned into. */
export type CastDType = (typeof CAST_DTYPES)[number];

/** The dtypes that are turned: numbers with one float in an element. Integers, complex and packed ones stay. */
const CASTABLE: ReadonlySet<DType> = new Set<DType>([
  "float64",
  "float32",
  "float16",
  "bfloat16",
  "float8_e4m3fn",
  "float8_e5m2",
  "float8_e4m3fnuz",
  "float8_e5m2fnuz",
  "float8_e8m0fnu",
]);

/** Whether `tensor.to(dtype)` of a file's tensor is done here. */
export function isCastable({ dtype, quantizer }: StoredTensor): boolean {
  return CASTABLE.has(dtype) && quantizer === undefined;
}

/**
 * The same tensors with every floating-point one as `dtype`, as torch's `.to(dtype)`: to the nearest, of two to the
 * even one, too large becomes infinite, float64 by way of float32. Bytes are turned while they are read; tensors that
 * share a storage go on sharing it.
 */
export function castTensors(tensors: ReadonlyMap<string, StoredTensor>, dtype: CastDType): Map<string, StoredTensor> {
  const known = new Map<Storage, Map<DType, Storage>>();
  const storageAs = ({ storage, dtype: from }: StoredTensor): Storage => {
    const ofStorage = known.get(storage) ?? new Map<DType, Storage>();
    known.set(storage, ofStorage);
    const cast = ofStorage.get(from) ?? castStorage(checkedStorage(storage), from, dtype);
    ofStorage.set(from, cast);
    return cast;
  };
  return new Map(
    Array.from(tensors, ([name, tensor]) => {
      if (!isCastable(tensor) || tensor.dtype === dtype) return [name, tensor];
      const { shape, stride, storageOffset, requiresGrad, negative, device } = tensor;
      const storage = storageAs(tensor);
      return [name, new StoredTensor({ dtype, shape, stride, storageOffset, requiresGrad, negative, device, storage })];
    }),
  );
}

/** A storage of one dtype seen as one of another: element i is element i. */
function castStorage(storage: Storage, from: DType, to: CastDType): Storage {
  const [width, newWidth] = [itemSize(from), itemSize(to)];
  return {
    byteLength: Math.floor(storage.byteLength / width) * newWidth,
    read: async (start, end) => {
      const first = Math.floor(start / newWidth);
      const last = Math.ceil(end / newWidth);
      const bytes = cast(await storage.read(first * width, last * width), from, to);
      return bytes.subarray(start - first * newWidth, end - first * newWidth);
    },
  };
}

function cast(bytes: Uint8Array, from: DType, to: CastDType): Uint8Array {
  const values = float32Of(bytes, from);
  const { buffer, byteOffset, byteLength } = isHalf(to) ? narrowArray(values, to) : values;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Elements of any float dtype as float32; what is read may begin anywhere in its buffer. */
function float32Of(bytes: Uint8Array, from: DType): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  if (from === "float32") return new Float32Array(buffer, byteOffset, byteLength / 4);
  if (from === "float64") return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8));
  if (isHalf(from)) return widenArray(new Uint16Array(buffer, byteOffset, byteLength / 2), from);
  return Float32Array.from(decodeNumbers(bytes, from)); // 256 values, each of them a float32
}
