import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { checksum, hexChecksum } from "./checksum.js";
import { InflateCursor } from "./inflateCursor.js";
import { recordChunks } from "./recordChunks.js";
import { decodeName, LOCAL_HEADER, METHODS, viewOf } from "./records.js";

/** What the central directory says of a record. */
export interface DirectoryRecord {
  readonly name: string;
  /** Of the name, in bytes. */
  readonly nameLength: number;
  readonly method: number;
  readonly crc32: number;
  readonly byteLength: number;
  readonly compressedLength: number;
  /** Of the local header. */
  readonly offset: number;
}

/** What the records of an archive have in common. */
export interface RecordsFile {
  readonly source: ByteSource;
  /** torch can be told to write no checksums; then every one of them is 0. Known when the directory has been read. */
  hasChecksums: boolean;
}

/** What is found out about a record when its bytes are read. */
interface Found {
  payload?: number;
  inflated?: WeakRef<Uint8Array>;
  cursor?: InflateCursor;
}

/** DEFLATE makes at most this many bytes of one: a longer promise is a lie. */
const MAX_DEFLATE_RATIO = 1032;
/** A small record is read together with its local header; the extra field in between is rarely longer than this. */
const EXTRA_GUESS = 256;
/** Up to this many bytes one read of header and payload is cheaper than two. */
const SMALL_RECORD = 1 << 16;
/** A compressed record up to this size is unpacked at once; a larger one piece by piece, whatever it claims to hold. */
const UNPACKED_AT_ONCE = 1 << 26;

/** One record of a zip archive; its bytes are read when asked for. There can be a hundred thousand: it is kept small. */
export class ZipEntry {
  readonly name: string;
  readonly nameLength: number;
  /** Its place in the directory. */
  readonly index: number;
  readonly method: number;
  readonly byteLength: number;
  readonly compressedLength: number;
  /** Of the record's local header in the file. */
  readonly offset: number;
  readonly #file: RecordsFile;
  readonly #crc32: number;
  #known: Found | undefined;

  constructor(file: RecordsFile, record: DirectoryRecord, index: number) {
    this.name = record.name;
    this.index = index;
    this.method = record.method;
    this.byteLength = record.byteLength;
    this.compressedLength = record.compressedLength;
    this.offset = record.offset;
    this.#file = file;
    this.#crc32 = record.crc32;
    this.nameLength = record.nameLength;
  }

  /** null when the writer left out all checksums. */
  get crc32(): number | null {
    return this.#file.hasChecksums ? this.#crc32 : null;
  }
  /** Whether its bytes lie in the file as they are. */
  get stored(): boolean {
    return this.method === 0;
  }

  /** All of the content, its checksum verified. */
  bytes(): Promise<Uint8Array> {
    return this.read(0, this.byteLength);
  }

  /** Bytes `start..end` of the content; when that is all of it, its checksum is verified. */
  async read(start: number, end: number): Promise<Uint8Array> {
    if (!(start >= 0 && start <= end && end <= this.byteLength)) {
      throw new RangeError(`bytes ${start} to ${end} of record "${this.name}", which has ${this.byteLength}`);
    }
    if (this.byteLength === 0) return new Uint8Array(0);
    const whole = start === 0 && end === this.byteLength;
    if (!this.stored) return this.#readPacked(start, end);
    const bytes = whole ? await this.#readPayload() : await this.#readRange(start, end);
    if (whole) this.#verify(bytes);
    return bytes;
  }

  /** All of the content in pieces, its checksum verified at the end; a piece is good until the next one is asked for. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    if (Math.max(this.byteLength, this.compressedLength) <= SMALL_RECORD) yield await this.bytes();
    else yield* recordChunks(this.#file.source, this);
  }

  /**
   * Fill `target` with the content from `start` on, where that is no more than reading the file at once; else there is
   * none. Nothing is verified: whoever copies a record sums up what passes.
   */
  get readInto(): ByteSource["readInto"] {
    const { source } = this.#file;
    if (!this.stored || source.readInto === undefined) return undefined;
    return async (target, start) => {
      const end = start + target.byteLength;
      if (!(start >= 0 && end <= this.byteLength)) {
        throw new RangeError(`bytes ${start} to ${end} of record "${this.name}", which has ${this.byteLength}`);
      }
      await source.readInto?.(target, (await this.payloadOffset()) + start);
    };
  }

  async #readPacked(start: number, end: number): Promise<Uint8Array> {
    this.checkPacking();
    if (this.byteLength <= UNPACKED_AT_ONCE) return (await this.#inflate()).subarray(start, end);
    this.#found.cursor ??= new InflateCursor(() => recordChunks(this.#file.source, this));
    return this.#found.cursor.read(start, end);
  }

  async #readRange(start: number, end: number): Promise<Uint8Array> {
    const payload = await this.payloadOffset();
    return this.#file.source.read(payload + start, payload + end);
  }

  /** Where the content begins in the file: behind the local header, whose lengths the directory does not know. */
  async payloadOffset(): Promise<number> {
    this.#found.payload ??= this.#locate(
      await this.#file.source.read(this.offset, this.offset + LOCAL_HEADER.byteLength + this.nameLength),
    );
    return this.#found.payload;
  }

  async #readPayload(): Promise<Uint8Array> {
    const length = this.compressedLength;
    if (this.#found.payload === undefined && length <= SMALL_RECORD) {
      const headerLength = LOCAL_HEADER.byteLength + this.nameLength;
      const end = Math.min(this.offset + headerLength + EXTRA_GUESS + length, this.#file.source.byteLength);
      const bytes = await this.#file.source.read(this.offset, end);
      this.#found.payload = this.#locate(bytes);
      const start = this.#found.payload - this.offset;
      if (start + length <= bytes.byteLength) return bytes.subarray(start, start + length);
    }
    const payload = await this.payloadOffset();
    return this.#file.source.read(payload, payload + length);
  }

  #locate(header: Uint8Array): number {
    const view = viewOf(header);
    if (view.getUint32(0, true) !== LOCAL_HEADER.signature)
      throw this.malformed("has no local header where the directory says");
    const nameLength = view.getUint16(26, true);
    const bytes = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
    const name = decodeName(bytes, LOCAL_HEADER.byteLength, LOCAL_HEADER.byteLength + nameLength);
    if (nameLength !== this.nameLength || name !== this.name) {
      throw this.malformed("has another name in its local header than in the directory");
    }
    if (view.getUint16(8, true) !== this.method) {
      throw this.malformed("is compressed one way in its local header and another way in the directory");
    }
    const payload = this.offset + LOCAL_HEADER.byteLength + nameLength + view.getUint16(28, true);
    if (payload + this.compressedLength > this.#file.source.byteLength) {
      throw this.malformed(
        `needs ${this.compressedLength} bytes from byte ${payload}, but the file ends at byte ${this.#file.source.byteLength}`,
      );
    }
    return payload;
  }

  /** Refuse what cannot be unpacked, or promises more than DEFLATE can make of so little. */
  checkPacking(): void {
    if (this.stored) return;
    if (this.method !== 8) {
      throw new LtrainError(
        "checkpoint.unsupported",
        `record "${this.name}" is compressed with ${METHODS.get(this.method) ?? `method ${this.method}`}`,
        { hint: "unpack the archive and zip it again without compression (zip -0)" },
      );
    }
    if (this.byteLength > this.compressedLength * MAX_DEFLATE_RATIO) {
      throw this.malformed(`claims to hold ${this.byteLength} bytes in ${this.compressedLength} compressed ones`);
    }
  }

  async #inflate(): Promise<Uint8Array> {
    const known = this.#found.inflated?.deref();
    if (known !== undefined) return known;
    let bytes: Uint8Array;
    try {
      bytes = await promisify(inflateRaw)(await this.#readPayload(), { maxOutputLength: this.byteLength });
    } catch (error) {
      if (error instanceof LtrainError) throw error;
      throw this.malformed("cannot be decompressed", error);
    }
    if (bytes.byteLength !== this.byteLength) {
      throw this.malformed(`holds ${bytes.byteLength} bytes, and the directory says ${this.byteLength}`);
    }
    this.#verify(bytes);
    this.#found.inflated = new WeakRef(bytes);
    return bytes;
  }

  get #found(): Found {
    return (this.#known ??= {});
  }

  #verify(bytes: Uint8Array): void {
    if (this.crc32 === null) return;
    const actual = checksum(bytes);
    if (actual !== this.crc32) {
      throw this.malformed(
        `is damaged: its checksum is ${hexChecksum(actual)}, and the directory says ${hexChecksum(this.crc32)}`,
      );
    }
  }

  /** What is wrong with this record, with its name and place. */
  malformed(what: string, cause?: unknown): LtrainError {
    return new LtrainError("checkpoint.malformed", `record "${this.name}" at byte ${this.offset} ${what}`, {
      hint: "the file may be damaged or cut short; compare it with the original",
      cause,
    });
  }
}
