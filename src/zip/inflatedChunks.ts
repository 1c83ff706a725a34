import { createInflateRaw } from "node:zlib";

/** A DEFLATE stream that does not end where it should, or has more in it than it says. */
export class InflateError extends Error {
  override readonly name = "InflateError";
}

const PIECE_BYTES = 1 << 18;

/**
 * What a DEFLATE stream unpacks to, in pieces: memory does not grow with what it holds. It must be `byteLength` bytes;
 * one that would be longer is not unpacked beyond that.
 */
export async function* inflatedChunks(
  compressed: AsyncIterable<Uint8Array>,
  byteLength: number,
): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw({ chunkSize: PIECE_BYTES });
  const feed = async (): Promise<void> => {
    for await (const chunk of compressed) {
      // The stream keeps a piece until it has used it, and pieces are only lent.
      if (inflate.destroyed || inflate.writableEnded) return;
      await new Promise<void>((resolve) => {
        inflate.once("close", resolve);
        inflate.write(chunk, () => {
          inflate.off("close", resolve);
          resolve();
        });
      });
    }
    inflate.end();
  };
  feed().catch((error: unknown) => inflate.destroy(error as Error));
  let total = 0;
  try {
    for await (const chunk of inflate as AsyncIterable<Buffer>) {
      total += chunk.byteLength;
      if (total > byteLength) throw new InflateError(`holds more than the ${byteLength} bytes it says`);
      yield chunk;
    }
  } finally {
    inflate.destroy();
  }
  if (total < byteLength) throw new InflateError(`holds ${total} bytes, and the directory says ${byteLength}`);
}
