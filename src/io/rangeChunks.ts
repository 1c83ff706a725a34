import type { ByteSource } from "./byteSource.js";

/** Large enough to be worth a call, small enough to stay in a processor's cache until it has been looked at. */
const CHUNK_BYTES = 1 << 20;

/** What can be read in ranges: a source, or a storage in one. */
export type RangeReader = Pick<ByteSource, "read" | "readInto">;

/**
 * The bytes `start..end` in pieces, in order; while one is looked at the next is read. A piece is good until the next
 * one is asked for: two arrays take turns.
 */
export async function* rangeChunks(
  source: RangeReader,
  start: number,
  end: number,
  chunkBytes = CHUNK_BYTES,
): AsyncGenerator<Uint8Array> {
  const spare: Uint8Array[] = [];
  const begin = async (at: number): Promise<Uint8Array> => {
    const length = Math.min(chunkBytes, end - at);
    if (source.readInto === undefined) return source.read(at, at + length);
    const chunk = (spare.pop() ?? new Uint8Array(Math.min(chunkBytes, end - start))).subarray(0, length);
    await source.readInto(chunk, at);
    return chunk;
  };
  let next: Promise<Uint8Array> | undefined = start < end ? begin(start) : undefined;
  for (let at = start; next !== undefined;) {
    const chunk: Uint8Array = await next;
    at += chunk.byteLength;
    next = at < end ? begin(at) : undefined;
    // Whoever stops early leaves a read behind that nobody waits for; its failure is nobody's either.
    next?.catch(() => undefined);
    yield chunk;
    if (chunk.byteLength === chunkBytes) spare.push(chunk);
  }
}
