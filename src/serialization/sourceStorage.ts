import type { ByteSource } from "../io/byteSource.js";
import type { Storage } from "../storage/storedTensor.js";

/** `byteLength` bytes of a source from `start` on, as a storage; they stay where they are until they are asked for. */
export function sourceStorage(source: ByteSource, start: number, byteLength: number): Storage {
  return { byteLength, read: (from, to) => source.read(start + from, start + to) };
}

/** A part of a storage as a storage of its own. */
export function partOfStorage(storage: Storage, start: number, byteLength: number): Storage {
  return { byteLength, read: (from, to) => storage.read(start + from, start + to) };
}
