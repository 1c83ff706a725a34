/** Something with a length that can be read in ranges: a file, a buffer, a download. */
export interface ByteSource {
  readonly byteLength: number;
  /** Exactly the bytes `start..end` (exclusive); fewer is an error of the source, never a short result. */
  read(start: number, end: number): Promise<Uint8Array>;
  /**
   * Fill `target` with the bytes from `start` on: where a read is over as soon as it is asked for, and one small array
   * serves all of a copy. Where it is waiting, as from the web, there is none.
   */
  readonly readInto?: ((target: Uint8Array, start: number) => Promise<void>) | undefined;
}

/** A ByteSource over bytes in memory. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return { byteLength: bytes.byteLength, read: (start, end) => Promise.resolve(bytes.subarray(start, end)) };
}
