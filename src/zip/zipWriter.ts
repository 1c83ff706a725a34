import { BufferedSink } from "../io/bufferedSink.js";
import type { ByteSink } from "../io/byteSink.js";
import { checksum } from "./checksum.js";
import { directoryEntry, endRecords, localHeader } from "./torchLayout.js";
import { DATA_DESCRIPTOR, SATURATED_32, viewOf } from "./records.js";

/** Content whose length is known before its bytes. */
export type ZipContent = {
  readonly byteLength: number;
  /** Its checksum where another archive has it already: then it is not summed up again. */
  readonly crc32?: number | undefined;
} & (
  | { chunks(): AsyncIterable<Uint8Array> | Iterable<Uint8Array> }
  /** Or who fills an array with what comes from byte `at` on. */
  | { readInto(target: Uint8Array, at: number): Promise<void> }
);

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
  readonly #sink: BufferedSink;
  readonly #alignment: number;
  readonly #names = new Set<string>();

  constructor(sink: ByteSink, options: ZipWriterOptions = {}) {
    this.#sink = new BufferedSink(sink);
    this.#alignment = options.alignment ?? 64;
  }

  /** Write one record. */
  async add(name: string, content: Uint8Array | ZipContent): Promise<WrittenRecord> {
    if (this.#names.has(name)) throw new TypeError(`record "${name}" was added before`);
    this.#names.add(name);
    const offset = this.#sink.position;
    await this.#sink.write(localHeader(name, content.byteLength, offset, this.#alignment));
    const known = content instanceof Uint8Array ? undefined : content.crc32;
    let crc = 0;
    let written = 0;
    const take = (chunk: Uint8Array): void | Promise<void> => {
      // The system writes while the checksum is summed up.
      const writing = this.#sink.write(chunk);
      if (known === undefined) crc = checksum(chunk, crc);
      written += chunk.byteLength;
      return writing;
    };
    if (content instanceof Uint8Array) await take(content);
    else if ("chunks" in content) for await (const chunk of content.chunks()) await take(chunk);
    else {
      await this.#sink.fill(content.byteLength, async (target, at) => {
        await content.readInto(target, at);
        if (known === undefined) crc = checksum(target, crc);
        written += target.byteLength;
      });
    }
    if (written !== content.byteLength) {
      throw new TypeError(`record "${name}" was to have ${content.byteLength} bytes, and ${written} came`);
    }
    const record = { name, crc32: known ?? crc, byteLength: written, offset };
    if (written > 0) await this.#sink.write(dataDescriptor(record));
    this.records.push(record);
    return record;
  }

  /** Write the central directory and the end records; nothing can be added after. */
  async finish(): Promise<void> {
    const start = this.#sink.position;
    for (const record of this.records) await this.#sink.write(directoryEntry(record));
    await this.#sink.write(endRecords(this.records.length, start, this.#sink.position - start));
    await this.#sink.flush();
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
