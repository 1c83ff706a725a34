import type { ByteSource } from "../io/byteSource.js";
import type { Storage } from "../storage/storedTensor.js";

/** `byteLength` bytes of a source from `start` on, as a storage; they stay where they are until they are asked for. */
export function sourceStorage(source: ByteSource, start: number, byteLength: number, name?: string): Storage {
  return partOf(source, start, byteLength, name);
}

/** A part of a storage as a storage of its own. */
export function partOfStorage(storage: Storage, start: number, byteLength: number): Storage {
  return partOf(storage, start, byteLength, storage.name);
}

function partOf(whole: Storage | ByteSource, start: number, byteLength: number, name: string | undefined): Storage {
  const part: Storage = { byteLength, name, read: (from, to) => whole.read(start + from, start + to) };
  if (whole.readInto === undefined) return part;
  return { ...part, readInto: (target, from) => whole.readInto?.(target, start + from) ?? Promise.resolve() };
}
