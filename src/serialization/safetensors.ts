import type { ByteSink } from "../io/byteSink.js";
import type { ByteSource } from "../io/byteSource.js";
import type { StoredTensor } from "../storage/storedTensor.js";

/** A safetensors file: named tensors whose bytes are still in the file, and a few strings. */
export interface SafetensorsFile {
  /** In the order of their data. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Read the header of a safetensors file. */
export function readSafetensors(_source: ByteSource): Promise<SafetensorsFile> {
  throw new Error("not yet");
}

/** Write named tensors as a safetensors file; views are made contiguous, shared storages are written for each name. */
export function writeSafetensors(
  _tensors: ReadonlyMap<string, StoredTensor>,
  _sink: ByteSink,
  _metadata: ReadonlyMap<string, string> = new Map([["format", "pt"]]),
): Promise<void> {
  throw new Error("not yet");
}
