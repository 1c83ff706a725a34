import type { ByteSink } from "../io/byteSink.js";
import { checksum } from "./checksum.js";
import { directoryEntry, endRecords, localHeader } from "./torchLayout.js";
import { DATA_DESCRIPTOR, SATURATED_32, viewOf } from "./records.js";

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

/** Small pieces are gathered up to this size: a checkpoint has many headers and many small tensors. */
const BUFFER_BYTES = 1 << 18;

/** Writes stored records one after the other, laid out byte for byte as torch.save does (lightning-checkpoint-format.md, 1.4 to 1.6). */
export class ZipWriter {
  readonly records: WrittenRecord[] = [];
  readonly #sink: ByteSink;
  readonly #alignment: number;
  readonly #names = new Set<string>();
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #buffered = 0;
  #position = 0;

  constructor(sink: ByteSink, options: ZipWriterOptions = {}) {
    this.#sink = sink;
    this.#alignment = options.alignment ?? 64;
  }

  /** Write one record. */
  async add(name: string, content: Uint8Array | ZipContent): Promise<WrittenRecord> {
    if (this.#names.has(name)) throw new TypeError(`record "${name}" was added before`);
    this.#names.add(name);
    const offset = this.#position;
    await this.#write(localHeader(name, content.byteLength, offset, this.#alignment));
    let crc = 0;
    let written = 0;
    const take = (chunk: Uint8Array): void | Promise<void> => {
      crc = checksum(chunk, crc);
      written += chunk.byteLength;
      return this.#write(chunk);
    };
    if (content instanceof Uint8Array) await take(content);
    else for await (const chunk of content.chunks()) await take(chunk);
    if (written !== content.byteLength) {
      throw new TypeError(`record "${name}" was to have ${content.byteLength} bytes, and ${written} came`);
    }
    const record = { name, crc32: crc, byteLength: written, offset };
    if (written > 0) await this.#write(dataDescriptor(record));
    this.records.push(record);
    return record;
  }

  /** Write the central directory and the end records; nothing can be added after. */
  async finish(): Promise<void> {
    const start = this.#position;
    for (const record of this.records) await this.#write(directoryEntry(record));
    await this.#write(endRecords(this.records.length, start, this.#position - start));
    await this.#flush();
  }

  /** Small pieces cost no promise: most of what is written is small. */
  #write(bytes: Uint8Array): void | Promise<void> {
    this.#position += bytes.byteLength;
    if (this.#buffered + bytes.byteLength > BUFFER_BYTES) return this.#writeThrough(bytes);
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.byteLength;
  }

  async #writeThrough(bytes: Uint8Array): Promise<void> {
    await this.#flush();
    if (bytes.byteLength >= BUFFER_BYTES) {
      await this.#sink.write(bytes);
      return;
    }
    this.#buffer.set(bytes, 0);
    this.#buffered = bytes.byteLength;
  }

  async #flush(): Promise<void> {
    if (this.#buffered > 0) await this.#sink.write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }
}

function dataDescriptor(record: WrittenRecord): Uint8Array {
  const wide = record.byteLength >= SATURATED_32 || record.offset >= SATURATED_32;
  const bytes = new Uint8Array(wide ? DATA_DESCRIPTOR.zip64ByteLength : DATA_DESCRIPTOR.byteLength);
  const view = viewOf(bytes);
  view.setUint32(0, DATA_DESCRIPTOR.signature, true);
  view.setUint32(4, record.crc32, true);
  if (wide) {
    view.setBigUint64(8, BigInt(record.byteLength), true);
    view.setBigUint64(16, BigInt(record.byteLength), true);
  } else {
    view.setUint32(8, record.byteLength, true);
    view.setUint32(12, record.byteLength, true);
  }
  return bytes;
}
