/** Something that takes bytes in order: a file being written, a pipe, a buffer. */
export interface ByteSink {
  /** Take all of `bytes`; short writes are looped below. The caller may reuse the buffer once this resolves. */
  write(bytes: Uint8Array): Promise<void>;
}

/** A ByteSink that keeps what it is given. */
export interface BufferSink extends ByteSink {
  /** Everything written so far, in one array. */
  bytes(): Uint8Array;
}

/** A sink in memory, for tests and for small things. */
export function bufferSink(): BufferSink {
  const parts: Uint8Array[] = [];
  return {
    write: (bytes) => {
      parts.push(bytes.slice());
      return Promise.resolve();
    },
    bytes: () => new Uint8Array(Buffer.concat(parts)),
  };
}
