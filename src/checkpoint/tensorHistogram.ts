import { decodeNumbers } from "../storage/decode.js";
import { itemSize } from "../storage/dtype.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { tensorChunks } from "../storage/tensorChunks.js";
import { dequantizer } from "./dequantize.js";
import type { TensorStats } from "./tensorStats.js";
import { tensorStats } from "./tensorStats.js";

/** How a tensor's numbers are spread: counts in bins of one width from `min` to `max`. */
export interface TensorHistogram {
  readonly stats: TensorStats;
  /** The finite numbers' ends. */
  readonly min: number;
  readonly max: number;
  readonly counts: readonly number[];
}

/**
 * Count a tensor's finite numbers in bins, as torch.histc does between its least and its greatest; read twice, in pieces
 * of bounded size. null for complex numbers, for bits that are no numbers, and where there is no finite one.
 */
export async function tensorHistogram(tensor: StoredTensor, bins: number): Promise<TensorHistogram | null> {
  if (tensor.dtype.startsWith("complex")) return null;
  const stats = await tensorStats(tensor);
  if (stats === null || stats.count === 0) return null;
  let [min, max] = [Infinity, -Infinity];
  if (stats.nan === 0 && stats.inf === 0) [min, max] = [stats.min ?? Infinity, stats.max ?? -Infinity];
  else {
    for await (const numbers of finiteNumbers(tensor)) {
      for (const number of numbers) [min, max] = [Math.min(min, number), Math.max(max, number)];
    }
  }
  if (min > max) return null;
  const counts = new Array<number>(bins).fill(0);
  const width = (max - min) / bins;
  for await (const numbers of finiteNumbers(tensor)) {
    for (const number of numbers) {
      // torch.histc puts all of one value into the middle by widening the range to either side.
      const bin = width === 0 ? Math.floor(bins / 2) : Math.min(Math.floor((number - min) / width), bins - 1);
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  }
  return { stats, min, max, counts };
}

async function* finiteNumbers(tensor: StoredTensor): AsyncGenerator<Float64Array> {
  const dequantize = tensor.quantizer === undefined ? undefined : await dequantizer(tensor, tensor.quantizer);
  let first = 0;
  for await (const bytes of tensorChunks(tensor)) {
    const numbers = decodeNumbers(bytes, tensor.dtype);
    dequantize?.(numbers, first);
    first += bytes.byteLength / itemSize(tensor.dtype);
    yield numbers.filter(Number.isFinite);
  }
}
