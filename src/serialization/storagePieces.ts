import { PIECE_AT_ONCE } from "../io/rangeChunks.js";
import type { Storage } from "../storage/storedTensor.js";

/** A stretch of a storage, in bytes. */
export interface StoragePiece {
  readonly storage: Storage;
  readonly start: number;
  readonly end: number;
}

/** What is waited for, or is in memory, comes in larger pieces. */
const PIECE_BYTES = 1 << 19;
/** Up to here a piece has an array of its own: those who read small things gather many of them at once. */
export const SMALL_PIECE = 1 << 16;

/** The bytes `start..end` of a storage, all of it if nothing else is said, cut into pieces of bounded size. */
export function* storagePieces(storage: Storage, start = 0, end = storage.byteLength): Generator<StoragePiece> {
  const pieceBytes = storage.readInto === undefined ? PIECE_BYTES : PIECE_AT_ONCE;
  for (let at = start; at < end; at += pieceBytes) yield { storage, start: at, end: Math.min(at + pieceBytes, end) };
}

/**
 * The bytes of pieces, in order. What is read at once goes through one array, so memory does not grow with what is
 * copied; of anything else the next is read while one is used, also when it lies in another storage. What is given is
 * good until the next is asked for.
 */
export async function* readPieces(pieces: Iterable<StoragePiece>): AsyncGenerator<Uint8Array> {
  const array = new Uint8Array(PIECE_AT_ONCE);
  const queue = pieces[Symbol.iterator]();
  for (let next = begin(queue.next()); next !== undefined;) {
    const bytes = next instanceof Promise ? await next : await fill(array, next);
    next = begin(queue.next());
    yield bytes;
  }
}

/** Begin to read a piece, unless that is over at once and better done when it is needed. */
function begin(next: IteratorResult<StoragePiece, unknown>): StoragePiece | Promise<Uint8Array> | undefined {
  if (next.done === true) return undefined;
  const { storage, start, end } = next.value;
  if (storage.readInto !== undefined && end - start > SMALL_PIECE && end - start <= PIECE_AT_ONCE) return next.value;
  const reading = storage.read(start, end);
  // Whoever stops early leaves a read behind that nobody waits for; its failure is nobody's either.
  reading.catch(() => undefined);
  return reading;
}

async function fill(array: Uint8Array, { storage, start, end }: StoragePiece): Promise<Uint8Array> {
  const bytes = array.subarray(0, end - start);
  await storage.readInto?.(bytes, start);
  return bytes;
}
