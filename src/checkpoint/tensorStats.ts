import { decodeNumbers, numbersPerElement } from "../storage/decode.js";
import { itemSize } from "../storage/dtype.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { tensorChunks } from "../storage/tensorChunks.js";
import { dequantizer } from "./dequantize.js";

/**
 * What a tensor's numbers come to, as torch computes it of `tensor.double()`: a NaN makes min, max, mean and std NaN.
 * Complex numbers have no order, so min and max are null; a quantized tensor is what it stands for.
 */
export interface TensorStats {
  /** Numbers: the elements, but two in each float4_e2m1fn_x2. */
  readonly count: number;
  /** null of no numbers, and of complex ones. */
  readonly min: number | null;
  readonly max: number | null;
  /** torch.mean; [re, im] of complex numbers. */
  readonly mean: number | readonly [number, number];
  /** torch.std, the unbiased one (divided by count - 1): NaN of fewer than two numbers. */
  readonly std: number;
  /** torch.linalg.vector_norm: the root of the sum of squares. */
  readonly l2: number;
  readonly zeros: number;
  readonly nan: number;
  readonly inf: number;
}

/** Sum up a tensor, in pieces of bounded size; null for a dtype whose bits are no numbers. `heard` is told of every piece. */
export async function tensorStats(tensor: StoredTensor, heard?: (bytes: number) => void): Promise<TensorStats | null> {
  const { dtype } = tensor;
  if (numbersPerElement(dtype) === 0) return null;
  const isComplex = dtype.startsWith("complex");
  const dequantize = tensor.quantizer === undefined ? undefined : await dequantizer(tensor, tensor.quantizer);
  const sums = isComplex ? new ComplexSums() : new RealSums();
  let first = 0;
  for await (const bytes of tensorChunks(tensor)) {
    const numbers = decodeNumbers(bytes, dtype);
    dequantize?.(numbers, first);
    sums.add(numbers);
    first += bytes.byteLength / itemSize(dtype);
    heard?.(bytes.byteLength);
  }
  return sums.stats();
}

/** A running mean and sum of squared distances from it, piece after piece (Chan, Golub and LeVeque 1979). */
class Spread {
  #count = 0;
  #mean = 0;
  #squares = 0;

  add(numbers: Float64Array, step: number, start: number, sum: number): void {
    const count = numbers.length / step;
    if (count === 0) return;
    const mean = sum / count;
    let squares = 0;
    for (let i = start; i < numbers.length; i += step) {
      const distance = (numbers[i] ?? 0) - mean;
      squares += distance * distance;
    }
    const total = this.#count + count;
    const between = mean - this.#mean;
    this.#squares += squares + (this.#count === 0 ? 0 : (between * between * this.#count * count) / total);
    this.#mean += (between * count) / total;
    this.#count = total;
  }

  /** Sum of squared distances over count - 1. */
  get variance(): number {
    return this.#count < 2 ? Number.NaN : this.#squares / (this.#count - 1);
  }
}

class RealSums {
  #count = 0;
  #min = Infinity;
  #max = -Infinity;
  #sum = 0;
  #squares = 0;
  #zeros = 0;
  #nan = 0;
  #inf = 0;
  readonly #spread = new Spread();

  add(numbers: Float64Array): void {
    let [min, max, sum, squares, zeros, nan, inf] = [this.#min, this.#max, 0, 0, 0, 0, 0];
    for (const number of numbers) {
      if (number < min) min = number;
      if (number > max) max = number;
      if (number === 0) zeros += 1;
      else if (number !== number) nan += 1;
      else if (number === Infinity || number === -Infinity) inf += 1;
      sum += number;
      squares += number * number;
    }
    [this.#min, this.#max] = [min, max];
    this.#count += numbers.length;
    this.#sum += sum;
    this.#squares += squares;
    this.#zeros += zeros;
    this.#nan += nan;
    this.#inf += inf;
    this.#spread.add(numbers, 1, 0, sum);
  }

  stats(): TensorStats {
    const extreme = (value: number): number | null => (this.#count === 0 ? null : this.#nan > 0 ? Number.NaN : value);
    return {
      count: this.#count,
      min: extreme(this.#min),
      max: extreme(this.#max),
      mean: this.#sum / this.#count,
      std: Math.sqrt(this.#spread.variance),
      l2: Math.sqrt(this.#squares),
      zeros: this.#zeros,
      nan: this.#nan,
      inf: this.#inf,
    };
  }
}

/** The same of numbers that come as re, im, re, im ... */
class ComplexSums {
  #count = 0;
  #re = 0;
  #im = 0;
  #squares = 0;
  #zeros = 0;
  #nan = 0;
  #inf = 0;
  readonly #spreads = [new Spread(), new Spread()] as const;

  add(numbers: Float64Array): void {
    let [sumRe, sumIm] = [0, 0];
    for (let i = 0; i < numbers.length; i += 2) {
      const [re, im] = [numbers[i] ?? 0, numbers[i + 1] ?? 0];
      sumRe += re;
      sumIm += im;
      this.#squares += re * re + im * im;
      if (re === 0 && im === 0) this.#zeros += 1;
      if (Number.isNaN(re) || Number.isNaN(im)) this.#nan += 1;
      if (Math.abs(re) === Infinity || Math.abs(im) === Infinity) this.#inf += 1;
    }
    this.#count += numbers.length / 2;
    this.#re += sumRe;
    this.#im += sumIm;
    this.#spreads[0].add(numbers, 2, 0, sumRe);
    this.#spreads[1].add(numbers, 2, 1, sumIm);
  }

  stats(): TensorStats {
    return {
      count: this.#count,
      min: null,
      max: null,
      // torch divides by a complex count, count + 0j: a part that is not finite spoils the other.
      mean: [(this.#re + this.#im * 0) / this.#count, (this.#im - this.#re * 0) / this.#count],
      std: Math.sqrt(this.#spreads[0].variance + this.#spreads[1].variance),
      l2: Math.sqrt(this.#squares),
      zeros: this.#zeros,
      nan: this.#nan,
      inf: this.#inf,
    };
  }
}
