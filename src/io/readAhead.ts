import type { ByteSource } from "./byteSource.js";

/** Reads up to this size are worth gathering: a checkpoint can have a hundred thousand of a few bytes each. */
const SMALL_READ = 1 << 16;
/** So much is read at once when small reads follow each other. */
const WINDOW = 1 << 19;
/** Headers and padding between two payloads are still "one after the other". */
const NEAR = 1 << 12;
/** A single read or two say nothing about what comes next. */
const READS_IN_A_ROW = 3;

/** The same bytes, with fewer calls to `source` when many small ranges are asked for in order. */
export function readAhead(source: ByteSource): ByteSource {
  let inARow = 0;
  let lastEnd = Number.NaN;
  let window: { readonly start: number; readonly end: number; readonly bytes: Promise<Uint8Array> } | undefined;
  return {
    byteLength: source.byteLength,
    // Whoever brings an array of his own wants much of it: no window.
    readInto: source.readInto?.bind(source),
    async read(start, end) {
      if (window !== undefined && start >= window.start && end <= window.end && start <= end) {
        lastEnd = end;
        const { bytes, start: from } = window;
        return (await bytes).slice(start - from, end - from);
      }
      const follows = start >= lastEnd - NEAR && start <= lastEnd + NEAR && end - start <= SMALL_READ;
      inARow = follows ? inARow + 1 : 0;
      lastEnd = end;
      if (inARow < READS_IN_A_ROW || end > source.byteLength || start > end) return source.read(start, end);
      const windowEnd = Math.min(start + WINDOW, source.byteLength);
      const bytes = source.read(start, windowEnd);
      window = { start, end: windowEnd, bytes };
      return (await bytes).slice(0, end - start);
    },
  };
}
