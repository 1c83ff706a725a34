import type { ByteSource } from "../io/byteSource.js";
import type { PyObject } from "../pickle/values.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { openZip } from "../zip/zipReader.js";
import type { ZipArchive } from "../zip/zipReader.js";
import { readNpy } from "./npyReader.js";
import { sourceStorage } from "./sourceStorage.js";
import { RecordStorage } from "./torchStorage.js";

/** What arrays are called in a file that names them, and in one that has a single nameless one. */
export type NumpyArrays = ReadonlyMap<string, StoredTensor | PyObject>;

const SUFFIX = ".npy";

/** The arrays of an `.npz` archive by name, in the archive's order; of each only the header is read. */
export async function readNpz(archive: ZipArchive): Promise<NumpyArrays> {
  const arrays = new Map<string, StoredTensor | PyObject>();
  for (const [entryName, entry] of archive.entries) {
    if (!entryName.endsWith(SUFFIX)) continue; // numpy gives what is no array as bytes
    const name = entryName.slice(0, -SUFFIX.length);
    arrays.set(name, await readNpy(new RecordStorage(entry), name));
  }
  return arrays;
}

/** The same for a file that detectFormat has not opened. */
export async function readNpzFile(source: ByteSource): Promise<NumpyArrays> {
  return readNpz(await openZip(source));
}

/** The one array of an `.npy` file. */
export function readNpyFile(source: ByteSource): Promise<StoredTensor | PyObject> {
  return readNpy(sourceStorage(source, 0, source.byteLength, "the array"), "array");
}
