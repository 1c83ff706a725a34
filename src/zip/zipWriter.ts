import type { ByteSink } from "../io/byteSink.js";

/** Content whose length is known before its bytes. */
export interface ZipContent {
  readonly byteLength: number;
  chunks(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** What has been written of one record. */
export interface WrittenRecord {
  readonly name: string;
  readonly crc32: number;
  readonly byteLength: number;
  /** Of its local header. */
  readonly offset: number;
}

/** How records are laid out. */
export interface ZipWriterOptions {
  /** Every payload starts at a multiple of this; torch's default is 64. */
  readonly alignment?: number;
}

/** Writes stored records one after the other, laid out byte for byte as torch.save does (lightning-checkpoint-format.md, 1.4 to 1.6). */
export class ZipWriter {
  readonly records: WrittenRecord[] = [];
  readonly #sink: ByteSink;
  readonly #alignment: number;

  constructor(sink: ByteSink, options: ZipWriterOptions = {}) {
    this.#sink = sink;
    this.#alignment = options.alignment ?? 64;
  }

  /** Write one record. */
  add(_name: string, _content: Uint8Array | ZipContent): Promise<WrittenRecord> {
    throw new Error(`not yet ${this.#alignment}`);
  }

  /** Write the central directory and the end records; nothing can be added after. */
  finish(): Promise<void> {
    void this.#sink;
    throw new Error("not yet");
  }
}
