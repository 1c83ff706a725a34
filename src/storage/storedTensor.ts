import type { DType } from "./dtype.js";
import { itemSize } from "./dtype.js";
import type { HostTensor } from "./hostTensor.js";

/**
 * A run of bytes that one or more tensors look into: torch's UntypedStorage. Two tensors share memory when their
 * `storage` is the same object. Reading is positional, so a file of any size costs only the bytes asked for.
 */
export interface Storage {
  readonly byteLength: number;
  /** What it is called in its file, for complaints about it. */
  readonly name?: string | undefined;
  /** Checksum of all its bytes as its file has it; whoever copies them all can compare. */
  readonly crc32?: number | undefined;
  /** The storages of other files that this one is put together of. */
  parts?(): Promise<readonly Storage[]>;
  /** Bytes `start..end` (exclusive), little-endian. */
  read(start: number, end: number): Promise<Uint8Array>;
  /** Fill `target` with the bytes from `start` on, where a read is over as soon as it is asked for. */
  readonly readInto?: ((target: Uint8Array, start: number) => Promise<void>) | undefined;
}

/**
 * How the integers of a quantized tensor stand for numbers, in torch's words: `(q - zero point) * scale`, with one
 * scale for the whole tensor or one for every slice along an axis.
 */
export type Quantizer =
  | { readonly scheme: "per_tensor_affine"; readonly scale: number; readonly zeroPoint: number }
  | {
      readonly scheme: "per_channel_affine" | "per_channel_affine_float_qparams";
      /** Both [channels]; float64 and int64, or float32 twice for float_qparams. */
      readonly scales: StoredTensor;
      readonly zeroPoints: StoredTensor;
      readonly axis: number;
    };

/** Where a tensor lies in its storage; offset and stride count elements, as torch does. */
export interface StoredTensorInit {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly storageOffset: number;
  readonly storage: Storage;
  readonly requiresGrad?: boolean;
  readonly conjugate?: boolean;
  readonly negative?: boolean;
  readonly device?: string;
  readonly quantizer?: Quantizer | undefined;
  readonly origin?: unknown;
}

/** A tensor at rest, in a file or in memory: its shape is known, its bytes come when they are read. */
export class StoredTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly storageOffset: number;
  readonly storage: Storage;
  readonly requiresGrad: boolean;
  /** The elements are the complex conjugates of what the storage holds (torch's lazy `conj`). */
  readonly conjugate: boolean;
  /** The elements are the negatives of what the storage holds (torch's lazy `neg`). */
  readonly negative: boolean;
  /** Where it lived when it was saved: "cpu", "cuda:0". */
  readonly device: string;
  /** Set for the dtypes qint8, quint8, qint32 and their like, and for no other. */
  readonly quantizer: Quantizer | undefined;
  /** What the file said beyond the numbers (it is a Parameter, it has Python attributes), for those who write it again. */
  readonly origin: unknown;

  constructor(init: StoredTensorInit) {
    this.dtype = init.dtype;
    this.shape = init.shape;
    this.stride = init.stride;
    this.storageOffset = init.storageOffset;
    this.storage = init.storage;
    this.requiresGrad = init.requiresGrad ?? false;
    this.conjugate = init.conjugate ?? false;
    this.negative = init.negative ?? false;
    this.device = init.device ?? "cpu";
    this.quantizer = init.quantizer;
    this.origin = init.origin;
  }

  /** Number of elements. */
  get numel(): number {
    let product = 1;
    for (const size of this.shape) product *= size;
    return product;
  }

  /** Bytes of the elements themselves, without what else the storage holds. */
  get byteLength(): number {
    return this.numel * itemSize(this.dtype);
  }
}

/** Strides of a contiguous row-major tensor, in elements, as `torch.empty(shape).stride()`. */
export function contiguousStride(shape: readonly number[]): number[] {
  const stride = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    stride[axis] = step;
    step *= Math.max(shape[axis] ?? 1, 1);
  }
  return stride;
}

/** A StoredTensor over bytes in memory, without a copy. */
export function storedTensor(tensor: HostTensor): StoredTensor {
  const { bytes } = tensor;
  return new StoredTensor({
    dtype: tensor.dtype,
    shape: tensor.shape,
    stride: contiguousStride(tensor.shape),
    storageOffset: 0,
    storage: { byteLength: bytes.byteLength, read: (start, end) => Promise.resolve(bytes.subarray(start, end)) },
  });
}
