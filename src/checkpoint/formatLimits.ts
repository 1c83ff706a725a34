import { NUMPY_DESCR } from "../serialization/npyHeader.js";
import { DTYPES } from "../storage/dtype.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { castTensors, isCastable } from "./castTensors.js";

/** The formats that are written. */
export const WRITTEN_FORMATS = ["pt", "ckpt", "safetensors", "npz"] as const;

/** One of the formats that are written. */
export type WrittenFormat = (typeof WRITTEN_FORMATS)[number];

/** The formats that hold named tensors and nothing else. */
export type TensorFormat = Exclude<WrittenFormat, "pt" | "ckpt">;

/** Whether a format holds named tensors and nothing else. */
export function isTensorFormat(format: WrittenFormat): format is TensorFormat {
  return format === "safetensors" || format === "npz";
}

/** What is left of tensors in a format, and what that cost. */
export interface Fitted {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** In words, one for each tensor that is not there as it was: `"w" (bfloat16 becomes float32)`. */
  readonly losses: readonly string[];
}

/** Tensors as a format can hold them: what it has no dtype for is widened to float32 if no value changes, or left out. */
export function fitTensors(tensors: ReadonlyMap<string, StoredTensor>, format: TensorFormat): Fitted {
  const fitted = new Map<string, StoredTensor>();
  const losses: string[] = [];
  const widened = castTensors(new Map([...tensors].filter(([, tensor]) => isCastable(tensor))), "float32");
  for (const [name, tensor] of tensors) {
    const wide = widened.get(name);
    if (holds(tensor, format)) fitted.set(name, tensor);
    else if (wide !== undefined) {
      fitted.set(name, wide);
      losses.push(`"${name}" (${tensor.dtype} becomes float32)`);
    } else losses.push(`"${name}" (${tensor.dtype} is left out)`);
  }
  return { tensors: fitted, losses };
}

function holds({ dtype, quantizer }: StoredTensor, format: TensorFormat): boolean {
  if (quantizer !== undefined) return false;
  return format === "npz" ? NUMPY_DESCR[dtype] !== undefined : DTYPES[dtype].safetensors !== null;
}
