/** The first buffer; each following one is twice as large, so that there are few of them, and little too much. */
const FIRST_BYTES = 1 << 18;
const LARGEST_BYTES = 1 << 28;
/** Elements of every type are aligned. */
const ALIGNMENT = 64;

/** Where bytes lie in a SnapshotMemory. */
export interface MemoryPlace {
  /** Which of its buffers. */
  readonly buffer: number;
  readonly start: number;
  readonly byteLength: number;
}

/**
 * Memory for the state of one moment, used again for the next: a system clears fresh memory page by page, which takes
 * several times as long as copying into it.
 */
export class SnapshotMemory {
  #buffers: ArrayBuffer[] = [];
  #current = 0;
  #used = 0;

  /** Forget what was allotted; the memory stays. */
  reset(): void {
    this.#current = 0;
    this.#used = 0;
  }

  /** Room for so many bytes; what is in it is left over. */
  readonly allot = (byteLength: number): Uint8Array => {
    while (this.#room < byteLength) {
      if (this.#current + 1 >= this.#buffers.length) this.#grow(byteLength);
      if (this.#room >= byteLength) break;
      this.#current += 1;
      this.#used = 0;
    }
    const buffer = this.#buffers[this.#current];
    if (buffer === undefined) throw new Error("there is no memory to allot");
    const bytes = new Uint8Array(buffer, this.#used, byteLength);
    this.#used += Math.ceil(byteLength / ALIGNMENT) * ALIGNMENT;
    return bytes;
  };

  /** Where these bytes lie, null when it is not here. */
  placeOf({ buffer, byteOffset: start, byteLength }: Uint8Array): MemoryPlace | null {
    const index = this.#buffers.indexOf(buffer as ArrayBuffer);
    return index === -1 ? null : { buffer: index, start, byteLength };
  }

  /** The buffers, handed out: there is nothing to allot from until they, or their like, are given back. */
  lend(): readonly ArrayBuffer[] {
    const lent = this.#buffers;
    this.#buffers = [];
    return lent;
  }

  /** Take buffers in. */
  giveBack(buffers: readonly ArrayBuffer[]): void {
    this.#buffers = [...buffers];
    this.reset();
  }

  get #room(): number {
    return (this.#buffers[this.#current]?.byteLength ?? 0) - this.#used;
  }

  #grow(byteLength: number): void {
    this.#buffers.push(new ArrayBuffer(Math.max(sizeOf(this.#buffers.length), byteLength)));
  }
}

function sizeOf(index: number): number {
  return Math.min(FIRST_BYTES * 2 ** index, LARGEST_BYTES);
}

/** Sizes of the buffers in which so many bytes find room. */
export function snapshotSizes(byteLength: number): number[] {
  const sizes: number[] = [];
  for (let sum = 0; sum < byteLength; sum += sizes.at(-1) ?? 0) sizes.push(sizeOf(sizes.length));
  return sizes;
}
