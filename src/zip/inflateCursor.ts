/**
 * Ranges of a content that can only be unpacked from its beginning. Asked for in order, each piece is unpacked once; a
 * step back begins anew. Only the piece at hand is in memory.
 */
export class InflateCursor {
  readonly #open: () => AsyncIterable<Uint8Array>;
  #pieces: AsyncIterator<Uint8Array, unknown> | undefined;
  #piece: Uint8Array = new Uint8Array(0);
  /** Where `#piece` begins in the content. */
  #at = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(open: () => AsyncIterable<Uint8Array>) {
    this.#open = open;
  }

  /** Bytes `start..end`; the caller has checked that they are there. Reads wait for each other. */
  read(start: number, end: number): Promise<Uint8Array> {
    const result = this.#last.then(() => this.#read(start, end));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #read(start: number, end: number): Promise<Uint8Array> {
    if (start < this.#at) await this.#restart();
    const target = new Uint8Array(end - start);
    for (let done = 0; done < target.byteLength;) {
      const from = start + done - this.#at;
      if (from >= this.#piece.byteLength) {
        await this.#advance();
        continue;
      }
      const part = this.#piece.subarray(from, from + target.byteLength - done);
      target.set(part, done);
      done += part.byteLength;
    }
    return target;
  }

  async #restart(): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = undefined;
    this.#piece = new Uint8Array(0);
    this.#at = 0;
    await pieces?.return?.();
  }

  async #advance(): Promise<void> {
    this.#pieces ??= this.#open()[Symbol.asyncIterator]();
    const next = await this.#pieces.next();
    if (next.done === true) throw new RangeError("beyond the end of the content");
    this.#at += this.#piece.byteLength;
    this.#piece = next.value;
  }
}
