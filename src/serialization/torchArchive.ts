import { LtrainError } from "../errors.js";
import type { ZipArchive, ZipEntry } from "../zip/zipReader.js";

/** The records of a zip archive that torch wrote, without the folder they all lie in. */
export interface TorchArchive {
  /** The folder: "archive" for Lightning, else the file's first name. */
  readonly prefix: string;
  readonly byteOrder: "little" | "big";
  /** The `version` record, null when it is missing. */
  readonly version: number | null;
  readonly archive: ZipArchive;
  record(name: string): ZipEntry | undefined;
  /** The same for records of a folder, in `/` at its end: quicker where they are asked for in their order in the file. */
  recordsIn(folder: string): (name: string) => ZipEntry | undefined;
  /** A record that is read whole: not larger than any pickle. */
  bytes(name: string): Promise<Uint8Array>;
}

/** A longer pickle, or source text, is not read: that of a model with a million tensors is shorter. */
const MAX_RECORD_BYTES = 1 << 28;
/** A pickle of a model compresses to a thirtieth; one that does to less than this was made to fill memory. */
const MAX_PICKLE_RATIO = 100;
/** Below this size a pickle may compress as it likes. */
const SMALL_RECORD_BYTES = 1 << 24;
/** torch reads versions 1 to 10. */
const MAX_VERSION = 10;
const MAX_SHORT_TEXT = 64;

/** What an archive says of itself beside its pickle. */
export async function openTorchArchive(archive: ZipArchive): Promise<TorchArchive> {
  const prefix = prefixOf(archive);
  const record = (name: string): ZipEntry | undefined => archive.entries.get(`${prefix}/${name}`);
  const [byteOrder, version] = await Promise.all([
    readByteOrder(record("byteorder")),
    readVersion(record("version") ?? record(".data/version")),
  ]);
  return {
    prefix,
    byteOrder,
    version,
    archive,
    record,
    recordsIn: (folder) => recordsIn(archive, `${prefix}/${folder}`),
    bytes: (name) => recordBytes(record(name), `${prefix}/${name}`),
  };
}

/** A storage's record follows that of the storage before it: to look there first saves making and looking up its name. */
function recordsIn({ entries, records }: ZipArchive, folder: string): (name: string) => ZipEntry | undefined {
  let next = 0;
  return (name) => {
    let entry = records[next];
    const isNext =
      entry?.name.length === folder.length + name.length && entry.name.endsWith(name) && entry.name.startsWith(folder);
    if (!isNext) entry = entries.get(folder + name);
    if (entry !== undefined) next = entry.index + 1;
    return entry;
  };
}

async function recordBytes(entry: ZipEntry | undefined, name: string): Promise<Uint8Array> {
  if (entry === undefined) {
    throw new LtrainError(
      "checkpoint.notACheckpoint",
      `the archive has no record ${name}, so torch.save did not write it`,
    );
  }
  if (entry.byteLength > SMALL_RECORD_BYTES && entry.byteLength > entry.compressedLength * MAX_PICKLE_RATIO) {
    throw entry.malformed(
      `says that ${entry.byteLength} bytes are packed in ${entry.compressedLength}; ` +
        `a pickle that shrinks to less than a ${MAX_PICKLE_RATIO}th is not read`,
    );
  }
  if (entry.byteLength <= MAX_RECORD_BYTES) return entry.bytes();
  throw new LtrainError(
    "checkpoint.malformed",
    `record "${name}" is ${entry.byteLength} bytes long; a pickle of more than ${MAX_RECORD_BYTES} is not read`,
  );
}

/** torch takes the folder of the first record; entries elsewhere are not looked at. */
function prefixOf(archive: ZipArchive): string {
  const [first] = archive.entries.keys();
  const slash = first?.indexOf("/") ?? -1;
  if (first === undefined || slash < 0) {
    throw new LtrainError(
      "checkpoint.malformed",
      `the archive's first record, "${first ?? ""}", lies in no folder; torch puts all into one`,
    );
  }
  return first.slice(0, slash);
}

async function readByteOrder(entry: ZipEntry | undefined): Promise<"little" | "big"> {
  if (entry === undefined) return "little"; // before torch 2.1
  const text = await shortText(entry);
  if (text === "little" || text === "big") return text;
  throw new LtrainError(
    "checkpoint.malformed",
    `record "${entry.name}" should say little or big, and says ${JSON.stringify(text)}`,
  );
}

async function readVersion(entry: ZipEntry | undefined): Promise<number | null> {
  if (entry === undefined) return null;
  const text = await shortText(entry);
  const version = /^\d{1,9}\n?$/.test(text) ? Number(text) : 0;
  if (version >= 1 && version <= MAX_VERSION) return version;
  throw new LtrainError(
    version > MAX_VERSION ? "checkpoint.unsupported" : "checkpoint.malformed",
    `record "${entry.name}" says ${JSON.stringify(text)}; torch's file versions are 1 to ${MAX_VERSION}`,
  );
}

async function shortText(entry: ZipEntry): Promise<string> {
  if (entry.byteLength > MAX_SHORT_TEXT) {
    throw new LtrainError(
      "checkpoint.malformed",
      `record "${entry.name}" should be one word, and is ${entry.byteLength} bytes long`,
    );
  }
  return Buffer.from(await entry.bytes()).toString("latin1");
}

/** Bytes of the storages' records together. */
export function storageBytesOf({ prefix, archive }: TorchArchive): number {
  const folder = `${prefix}/data/`;
  let total = 0;
  for (const entry of archive.entries.values()) if (entry.name.startsWith(folder)) total += entry.byteLength;
  return total;
}
