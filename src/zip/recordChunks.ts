import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { rangeChunks } from "../io/rangeChunks.js";
import { checksum, hexChecksum } from "./checksum.js";
import { InflateError, inflatedChunks } from "./inflatedChunks.js";

/** What must be known of a record to read all of it: a ZipEntry. */
export interface ReadableRecord {
  readonly stored: boolean;
  readonly byteLength: number;
  readonly compressedLength: number;
  readonly crc32: number | null;
  payloadOffset(): Promise<number>;
  /** Throws when the record cannot be what it says. */
  checkPacking(): void;
  malformed(what: string, cause?: unknown): LtrainError;
}

/**
 * The content of a record in pieces, its length and checksum verified at the end. Memory does not grow with the record,
 * and a compressed one is not unpacked beyond the length it says. A piece is good until the next one is asked for.
 */
export async function* recordChunks(source: ByteSource, entry: ReadableRecord): AsyncGenerator<Uint8Array> {
  const { byteLength, compressedLength } = entry;
  entry.checkPacking();
  const start = await entry.payloadOffset();
  const stored = { read: source.read.bind(source) }; // arrays of their own: DEFLATE uses them while the next is read
  const chunks = entry.stored
    ? rangeChunks(source, start, start + byteLength)
    : inflatedChunks(rangeChunks(stored, start, start + compressedLength), byteLength);
  let crc = 0;
  try {
    for await (const chunk of chunks) {
      crc = checksum(chunk, crc);
      yield chunk;
    }
  } catch (error) {
    throw entry.stored ? error : unpackError(entry, error);
  }
  if (entry.crc32 !== null && crc !== entry.crc32) {
    throw entry.malformed(
      `is damaged: its checksum is ${hexChecksum(crc)}, and the directory says ${hexChecksum(entry.crc32)}`,
    );
  }
}

/** What zlib complains of is the file's fault; what reading it complains of is not. */
function unpackError(entry: ReadableRecord, error: unknown): unknown {
  if (error instanceof InflateError) return entry.malformed(error.message);
  const isZlib = typeof error === "object" && error !== null && "code" in error && String(error.code).startsWith("Z_");
  return isZlib ? entry.malformed("cannot be decompressed", error) : error;
}
