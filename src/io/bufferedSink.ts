import type { ByteSink } from "./byteSink.js";

/**
 * So much is handed on at once: it is still in a processor's cache then. A write begins at a multiple of this: one that
 * begins in the middle of what the system's cache keeps together takes a third longer.
 */
const BUFFER_BYTES = 1 << 17;

/** A sink in front of a sink that gathers small pieces, and knows how much has gone through. */
export class BufferedSink {
  readonly #sink: ByteSink;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #buffered = 0;
  #position = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#position;
  }

  /** Take all of `bytes`. Small ones cost no promise: most of what is written is small. */
  write(bytes: Uint8Array): void | Promise<void> {
    this.#position += bytes.byteLength;
    if (this.#buffered + bytes.byteLength >= BUFFER_BYTES) return this.#writeThrough(bytes);
    this.#keep(bytes);
  }

  /** Take `byteLength` bytes from whoever puts them into an array; `at` says which of them come next. */
  async fill(byteLength: number, read: (target: Uint8Array, at: number) => Promise<void>): Promise<void> {
    for (let at = 0; at < byteLength;) {
      const target = this.#buffer.subarray(this.#buffered, this.#buffered + byteLength - at);
      await read(target, at);
      at += target.byteLength;
      this.#position += target.byteLength;
      this.#buffered += target.byteLength;
      if (this.#buffered === BUFFER_BYTES) await this.flush();
    }
  }

  /** Hand on what is still here. */
  async flush(): Promise<void> {
    if (this.#buffered > 0) await this.#sink.write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  async #writeThrough(bytes: Uint8Array): Promise<void> {
    const first = this.#buffered === 0 ? 0 : BUFFER_BYTES - this.#buffered;
    this.#keep(bytes.subarray(0, first));
    await this.flush();
    const last = bytes.byteLength - ((bytes.byteLength - first) % BUFFER_BYTES);
    if (last > first) await this.#sink.write(bytes.subarray(first, last));
    this.#keep(bytes.subarray(last));
  }

  #keep(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.byteLength;
  }
}
