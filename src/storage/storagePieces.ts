import type { Storage } from "./storedTensor.js";

/** A stretch of a storage, in bytes. */
export interface StoragePiece {
  readonly storage: Storage;
  readonly start: number;
  readonly end: number;
}

/** Small enough to be in a processor's cache when it is written again, large enough to be worth two calls. */
const PIECE_BYTES = 1 << 19;
/** Up to here a piece has an array of its own: those who read small things gather many of them at once. */
const SMALL_PIECE = 1 << 16;

/** The bytes `start..end` of a storage, all of it if nothing else is said, cut into pieces of bounded size. */
export function* storagePieces(storage: Storage, start = 0, end = storage.byteLength): Generator<StoragePiece> {
  for (let at = start; at < end; at += PIECE_BYTES) yield { storage, start: at, end: Math.min(at + PIECE_BYTES, end) };
}

/** So many pieces are read while one is used: where reading is waiting, as from the web, it goes on meanwhile. */
const READ_AHEAD = 1;

/**
 * The bytes of pieces, in order; while one is used the next are read, also when they lie in another storage. What is
 * given is good until the next is asked for: a few arrays take turns, so memory does not grow with what is copied.
 */
export async function* readPieces(pieces: Iterable<StoragePiece>): AsyncGenerator<Uint8Array> {
  const arrays = new Turns();
  const queue = pieces[Symbol.iterator]();
  const begun: Promise<Uint8Array>[] = [];
  const begin = (): void => {
    const next = queue.next();
    if (next.done === true) return;
    const reading = readPiece(next.value, arrays);
    // Whoever stops early leaves reads behind that nobody waits for; their failures are nobody's either.
    reading.catch(() => undefined);
    begun.push(reading);
  };
  begin();
  for (let next = begun.shift(); next !== undefined; next = begun.shift()) {
    const bytes = await next;
    while (begun.length < READ_AHEAD) {
      const before = begun.length;
      begin();
      if (begun.length === before) break;
    }
    yield bytes;
    arrays.giveBack(bytes);
  }
}

async function readPiece({ storage, start, end }: StoragePiece, arrays: Turns): Promise<Uint8Array> {
  if (storage.readInto === undefined || end - start <= SMALL_PIECE) return storage.read(start, end);
  const bytes = arrays.take().subarray(0, end - start);
  await storage.readInto(bytes, start);
  return bytes;
}

/** Arrays of a piece's size that are used again; what a storage in memory gives is its own and never among them. */
class Turns {
  readonly #own = new Map<ArrayBufferLike, Uint8Array>();
  readonly #spare: Uint8Array[] = [];

  take(): Uint8Array {
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    const array = new Uint8Array(PIECE_BYTES);
    this.#own.set(array.buffer, array);
    return array;
  }

  giveBack({ buffer }: Uint8Array): void {
    const array = this.#own.get(buffer);
    if (array !== undefined) this.#spare.push(array);
  }
}
