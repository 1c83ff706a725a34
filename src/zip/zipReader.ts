import type { ByteSource } from "../io/byteSource.js";
import type { ZipEntry } from "./zipEntry.js";

/** A zip archive of which the directory has been read, and nothing else. */
export interface ZipArchive {
  /** By name, in the order of the central directory. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Whether the archive carries the zip64 end record; torch always writes it. */
  readonly zip64: boolean;
  readonly comment: Uint8Array;
}

/** Read the directory of a zip archive: its end and the central directory, a few reads however large the file. */
export function openZip(_source: ByteSource): Promise<ZipArchive> {
  throw new Error("not yet");
}
