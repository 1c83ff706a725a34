import { LtrainError } from "../errors.js";
import type { FileSource } from "./fileSource.js";
import { checkAddress, fetchRange, PATIENCE, shown } from "./httpRange.js";
import type { HttpPatience, RangeAnswer } from "./httpRange.js";

/** What small reads are rounded to: a directory and a pickle of most files are a few of these. */
const BLOCK_BYTES = 1 << 16;
/** So many blocks are kept. */
const MAX_BLOCKS = 64;
/** A read up to this size goes through the blocks; a larger one is a request of its own. */
const SMALL_READ = 4 * BLOCK_BYTES;
/** Large reads that follow each other are asked for ahead, at most so much at a time. */
const MAX_AHEAD = 1 << 23;

/**
 * Open the file at an https:// address to read ranges of it. The first request brings its beginning; nothing is read
 * that is not asked for, but for the rest of a block and what lies ahead of a large copy.
 */
export async function openUrl(address: string, patience: HttpPatience = PATIENCE): Promise<FileSource> {
  const url = parseAddress(address);
  const first = await fetchRange(url, { start: 0, end: BLOCK_BYTES, version: null }, patience);
  return new HttpSource(url, first, patience);
}

function parseAddress(address: string): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch (error) {
    throw new LtrainError("argument.invalid", `${address} is no address`, { cause: error });
  }
  checkAddress(url);
  return url;
}

class HttpSource implements FileSource {
  readonly path: string;
  readonly byteLength: number;
  readonly #url: URL;
  readonly #version: string | null;
  readonly #patience: HttpPatience;
  /** Where the address led; signed ones expire, and then the way is gone again. */
  #target: URL;
  /** By number, in the order of their last use. */
  readonly #blocks = new Map<number, Promise<Uint8Array>>();
  #ahead: { readonly start: number; readonly end: number; readonly bytes: Promise<Uint8Array> } | undefined;
  #lastEnd = Number.NaN;
  #aheadBytes = 0;

  constructor(url: URL, first: RangeAnswer, patience: HttpPatience) {
    this.path = shown(url);
    this.byteLength = first.total;
    this.#url = url;
    this.#target = first.url;
    this.#version = first.version;
    this.#patience = patience;
    this.#blocks.set(0, Promise.resolve(first.bytes));
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    if (!(start >= 0 && start <= end && end <= this.byteLength)) {
      throw new LtrainError(
        "checkpoint.malformed",
        `${this.path}: bytes ${start} to ${end} are asked for, but the file ends at byte ${this.byteLength}`,
        { hint: "the file may be cut short; compare its size with the original" },
      );
    }
    if (start === end) return new Uint8Array(0);
    return end - start <= SMALL_READ ? this.#readBlocks(start, end) : this.#readLarge(start, end);
  }

  close(): Promise<void> {
    this.#blocks.clear();
    this.#ahead = undefined;
    return Promise.resolve();
  }

  async #readBlocks(start: number, end: number): Promise<Uint8Array> {
    const first = Math.floor(start / BLOCK_BYTES);
    const last = Math.floor((end - 1) / BLOCK_BYTES);
    const blocks: Promise<Uint8Array>[] = [];
    for (let number = first; number <= last;) {
      const known = this.#blocks.get(number);
      if (known === undefined) {
        this.#fetchBlocks(number, this.#runOfMissing(number, last));
        continue;
      }
      this.#blocks.delete(number);
      this.#blocks.set(number, known);
      blocks.push(known);
      number += 1;
    }
    const bytes = new Uint8Array(end - start);
    for (const [index, block] of (await Promise.all(blocks)).entries()) {
      const at = (first + index) * BLOCK_BYTES;
      const part = block.subarray(Math.max(start - at, 0), Math.min(end - at, block.byteLength));
      bytes.set(part, Math.max(at - start, 0));
    }
    return bytes;
  }

  #runOfMissing(number: number, last: number): number {
    let end = number + 1;
    while (end <= last && !this.#blocks.has(end)) end += 1;
    return end;
  }

  /** Neighbouring blocks are one request; the oldest make room. */
  #fetchBlocks(first: number, end: number): void {
    const start = first * BLOCK_BYTES;
    const answer = this.#fetch(start, Math.min(end * BLOCK_BYTES, this.byteLength));
    for (let number = first; number < end; number += 1) {
      const from = (number - first) * BLOCK_BYTES;
      const block = answer.then((bytes) => bytes.slice(from, from + BLOCK_BYTES));
      block.catch(() => this.#blocks.delete(number)); // whoever waits for it is told; the next one may ask again
      this.#blocks.set(number, block);
    }
    for (const number of this.#blocks.keys()) {
      if (this.#blocks.size <= MAX_BLOCKS) break;
      if (number < first || number >= end) this.#blocks.delete(number);
    }
  }

  async #readLarge(start: number, end: number): Promise<Uint8Array> {
    const ahead = this.#ahead;
    const follows = start === this.#lastEnd;
    this.#lastEnd = end;
    if (ahead !== undefined && start >= ahead.start && end <= ahead.end) {
      return (await ahead.bytes).slice(start - ahead.start, end - ahead.start);
    }
    this.#aheadBytes = follows ? Math.min(Math.max(this.#aheadBytes * 2, end - start), MAX_AHEAD) : 0;
    const windowEnd = Math.min(end + this.#aheadBytes, this.byteLength);
    const bytes = this.#fetch(start, windowEnd);
    this.#ahead = windowEnd > end ? { start, end: windowEnd, bytes } : undefined;
    return windowEnd > end ? (await bytes).slice(0, end - start) : bytes;
  }

  async #fetch(start: number, end: number): Promise<Uint8Array> {
    const range = { start, end, version: this.#version };
    let answer: RangeAnswer;
    try {
      answer = await fetchRange(this.#target, range, this.#patience);
    } catch (error) {
      // A signed address that has expired: the first one may lead to a new one.
      if (!(error instanceof LtrainError) || this.#target.href === this.#url.href) throw error;
      answer = await fetchRange(this.#url, range, this.#patience);
      this.#target = answer.url;
    }
    if (answer.total === this.byteLength) return answer.bytes;
    throw new LtrainError(
      "io.failed",
      `${this.path} has changed while it was read: it had ${this.byteLength} bytes, and has ${answer.total}`,
      {
        hint: "run the command again",
      },
    );
  }
}
