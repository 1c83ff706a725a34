import type { ByteSource } from "./byteSource.js";

/**
 * What is read at once is read in pieces that are still in a processor's cache when they have been looked at: of larger
 * ones, or of two that take turns, a copy takes up to five times as long.
 */
export const PIECE_AT_ONCE = 1 << 17;
/** What is waited for is worth a call. */
const CHUNK_BYTES = 1 << 20;

/** What can be read in ranges: a source, or a storage in one. */
export type RangeReader = Pick<ByteSource, "read" | "readInto">;

/** The bytes `start..end` in pieces, in order. A piece is good until the next one is asked for. */
export async function* rangeChunks(source: RangeReader, start: number, end: number): AsyncGenerator<Uint8Array> {
  if (source.readInto === undefined) {
    yield* chunksAhead(source, start, end);
    return;
  }
  const piece = new Uint8Array(Math.min(PIECE_AT_ONCE, end - start));
  for (let at = start; at < end; at += piece.byteLength) {
    const chunk = piece.subarray(0, end - at);
    await source.readInto(chunk, at);
    yield chunk;
  }
}

/** While one is looked at the next is read. */
async function* chunksAhead(source: RangeReader, start: number, end: number): AsyncGenerator<Uint8Array> {
  const begin = (at: number): Promise<Uint8Array> => source.read(at, Math.min(at + CHUNK_BYTES, end));
  let next: Promise<Uint8Array> | undefined = start < end ? begin(start) : undefined;
  for (let at = start; next !== undefined;) {
    const chunk: Uint8Array = await next;
    at += chunk.byteLength;
    next = at < end ? begin(at) : undefined;
    // Whoever stops early leaves a read behind that nobody waits for; its failure is nobody's either.
    next?.catch(() => undefined);
    yield chunk;
  }
}
