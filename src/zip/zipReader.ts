import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { readAhead } from "../io/readAhead.js";
import { readDirectory } from "./directory.js";
import { findEnd } from "./endRecord.js";
import type { ZipEntry } from "./zipEntry.js";

export type { ZipEntry } from "./zipEntry.js";

/** A zip archive of which the directory has been read, and nothing else. */
export interface ZipArchive {
  /** By name, in the order of the central directory. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** The same, each at its `index`. */
  readonly records: readonly ZipEntry[];
  /** Whether the archive carries the zip64 end record; torch always writes it. */
  readonly zip64: boolean;
  readonly comment: Uint8Array;
}

/** Read the directory of a zip archive: its end and the central directory, a few reads however large the file. */
export async function openZip(source: ByteSource): Promise<ZipArchive> {
  const end = await findEnd(source);
  const directory = end.directory ?? (await source.read(end.offset, end.offset + end.byteLength));
  const entries = new Map<string, ZipEntry>();
  const records = readDirectory(directory, end, readAhead(source));
  for (const entry of records) {
    entries.set(entry.name, entry);
    if (entries.size === entry.index + 1) continue;
    throw new LtrainError("checkpoint.malformed", `the archive holds two records named "${entry.name}"`, {
      hint: "which of them counts is anybody's guess; the file was not written by torch",
    });
  }
  return { entries, records, zip64: end.zip64, comment: end.comment };
}
