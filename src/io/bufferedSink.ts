import type { ByteSink } from "./byteSink.js";

/** Small pieces are gathered up to this size: a checkpoint has many headers and many small tensors. */
const BUFFER_BYTES = 1 << 18;

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
    if (this.#buffered + bytes.byteLength > BUFFER_BYTES) return this.#writeThrough(bytes);
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.byteLength;
  }

  /** Hand on what is still here. */
  async flush(): Promise<void> {
    if (this.#buffered > 0) await this.#sink.write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  async #writeThrough(bytes: Uint8Array): Promise<void> {
    await this.flush();
    if (bytes.byteLength >= BUFFER_BYTES) {
      await this.#sink.write(bytes);
      return;
    }
    this.#buffer.set(bytes, 0);
    this.#buffered = bytes.byteLength;
  }
}
