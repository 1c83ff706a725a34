import { decodeNumbers, numbersPerElement } from "../storage/decode.js";
import { itemSize } from "../storage/dtype.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { tensorChunks } from "../storage/tensorChunks.js";

/** When two numbers count as the same, in torch.allclose's words: `|a - b| <= atol + rtol * |b|`. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
  /** Whether two NaNs are the same. */
  readonly equalNan: boolean;
}

/** How far the elements of two tensors of one shape are apart. */
export interface ValueDifference {
  readonly elements: number;
  /** Elements that are not the same. */
  readonly different: number;
  /** The largest |a - b|: of complex numbers the distance, NaN where only one is NaN; null of bits that are no numbers. */
  readonly maxAbs: number | null;
  /** The largest |a - b| / |b|. */
  readonly maxRel: number | null;
  /** Where the largest difference is, counted in row-major order; null where all elements are the same. */
  readonly at: number | null;
}

/** Whether two numbers are the same. */
export function isClose(a: number, b: number, { rtol, atol, equalNan }: Tolerance): boolean {
  if (a === b) return true;
  if (Number.isNaN(a) || Number.isNaN(b)) return equalNan && Number.isNaN(a) && Number.isNaN(b);
  const distance = Math.abs(a - b);
  return Number.isFinite(distance) && distance <= atol + rtol * Math.abs(b);
}

/** Pieces of this size are compared at a time, whatever the tensors' size. */
const CHUNK_BYTES = 1 << 21;

/** Compare two tensors of one shape element by element, in pieces; `heard` is told of the bytes read of the first. */
export async function diffValues(
  a: StoredTensor,
  b: StoredTensor,
  tolerance: Tolerance,
  heard: (bytes: number) => void,
): Promise<ValueDifference> {
  const tally = new Tally(a, b, tolerance);
  const [left, right] = [new Elements(a), new Elements(b)];
  try {
    while (tally.elements < a.numel) {
      await left.fill();
      await right.fill();
      const count = Math.min(left.available, right.available);
      const bytes = left.take(count);
      tally.add(bytes, right.take(count), count);
      heard(bytes.byteLength);
    }
  } finally {
    await left.close();
    await right.close();
  }
  return tally.result();
}

/** A tensor's elements in row-major order, taken as many at a time as are there. */
class Elements {
  readonly #chunks: AsyncGenerator<Uint8Array>;
  readonly #width: number;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(tensor: StoredTensor) {
    this.#chunks = tensorChunks(tensor, CHUNK_BYTES);
    this.#width = itemSize(tensor.dtype);
  }

  get available(): number {
    return this.#rest.byteLength / this.#width;
  }
  async fill(): Promise<void> {
    if (this.#rest.byteLength > 0) return;
    const next = await this.#chunks.next();
    if (next.done === true) throw new RangeError("a tensor has fewer elements than its shape says");
    this.#rest = next.value;
  }
  take(count: number): Uint8Array {
    const taken = this.#rest.subarray(0, count * this.#width);
    this.#rest = this.#rest.subarray(taken.byteLength);
    return taken;
  }
  async close(): Promise<void> {
    await this.#chunks.return(undefined);
  }
}

/** Differences counted so far. */
class Tally {
  readonly #a: StoredTensor;
  readonly #b: StoredTensor;
  readonly #tolerance: Tolerance;
  /** Numbers in an element: 2 of complex dtypes; 0 where only bits can be compared. */
  readonly #parts: 0 | 1 | 2;
  elements = 0;
  #different = 0;
  #maxAbs = 0;
  #maxRel = 0;
  #at: number | null = null;

  constructor(a: StoredTensor, b: StoredTensor, tolerance: Tolerance) {
    this.#a = a;
    this.#b = b;
    this.#tolerance = tolerance;
    const parts = numbersPerElement(a.dtype);
    this.#parts = parts === numbersPerElement(b.dtype) ? parts : 0;
  }

  add(a: Uint8Array, b: Uint8Array, count: number): void {
    const sameType = this.#a.dtype === this.#b.dtype;
    // Equal bytes are equal numbers, but for NaNs that are not to be the same.
    if (!(sameType && (this.#tolerance.equalNan || this.#parts === 0) && Buffer.compare(a, b) === 0)) {
      if (this.#parts === 0) this.#addBits(a, b, count);
      else if (sameType && /^u?int64$/.test(this.#a.dtype)) this.#addLongs(a, b, count);
      else this.#addNumbers(decodeNumbers(a, this.#a.dtype), decodeNumbers(b, this.#b.dtype), count);
    }
    this.elements += count;
  }

  result(): ValueDifference {
    const { elements } = this;
    const isNumber = this.#parts !== 0;
    return {
      elements,
      different: this.#different,
      maxAbs: isNumber ? this.#maxAbs : null,
      maxRel: isNumber ? this.#maxRel : null,
      at: this.#at,
    };
  }

  #addNumbers(a: Float64Array, b: Float64Array, count: number): void {
    const { rtol, atol, equalNan } = this.#tolerance;
    const isPair = this.#parts === 2;
    for (let i = 0; i < count; i += 1) {
      let [x, y] = [a[i] ?? 0, b[i] ?? 0];
      if (isPair) {
        const [re, im, otherRe, otherIm] = [a[2 * i] ?? 0, a[2 * i + 1] ?? 0, b[2 * i] ?? 0, b[2 * i + 1] ?? 0];
        if (re === otherRe && im === otherIm) continue;
        [x, y] = [Math.hypot(re - otherRe, im - otherIm), Math.hypot(otherRe, otherIm)];
        const bothNan = Number.isNaN(re + im) && Number.isNaN(otherRe + otherIm);
        if ((x <= atol + rtol * y && Number.isFinite(x)) || (bothNan && equalNan)) continue;
        this.#count(i, x, y);
        continue;
      }
      if (x === y || (equalNan && x !== x && y !== y)) continue;
      const distance = Math.abs(x - y);
      if (distance <= atol + rtol * Math.abs(y) && distance !== Infinity) continue;
      this.#count(i, distance, Math.abs(y));
    }
  }

  /** 64-bit integers keep every digit. */
  #addLongs(a: Uint8Array, b: Uint8Array, count: number): void {
    const { rtol, atol } = this.#tolerance;
    const [left, right] = [viewOf(a), viewOf(b)];
    const read = this.#a.dtype === "int64" ? "getBigInt64" : "getBigUint64";
    for (let i = 0; i < count; i += 1) {
      const [x, y] = [left[read](8 * i, true), right[read](8 * i, true)];
      if (x === y) continue;
      const distance = Number(x > y ? x - y : y - x);
      const size = Math.abs(Number(y));
      if (distance > atol + rtol * size) this.#count(i, distance, size);
    }
  }

  #addBits(a: Uint8Array, b: Uint8Array, count: number): void {
    const [width, otherWidth] = [itemSize(this.#a.dtype), itemSize(this.#b.dtype)];
    for (let i = 0; i < count; i += 1) {
      const [x, y] = [a.subarray(i * width, (i + 1) * width), b.subarray(i * otherWidth, (i + 1) * otherWidth)];
      if (Buffer.compare(x, y) !== 0) this.#count(i, 0, 0);
    }
  }

  #count(index: number, distance: number, size: number): void {
    this.#different += 1;
    // Of NaN there is nothing larger.
    if (this.#at === null || distance > this.#maxAbs || (Number.isNaN(distance) && !Number.isNaN(this.#maxAbs))) {
      this.#maxAbs = distance;
      this.#at = this.elements + index;
    }
    const relative = distance / size;
    if (relative > this.#maxRel) this.#maxRel = relative;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
