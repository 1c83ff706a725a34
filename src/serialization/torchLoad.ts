import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { readPickle } from "../pickle/unpickler.js";
import type { PyGlobal, PyValue } from "../pickle/values.js";
import { openZip } from "../zip/zipReader.js";
import type { ZipArchive, ZipEntry } from "../zip/zipReader.js";
import { detectFormat } from "./format.js";
import type { DetectedFormat } from "./format.js";
import { storageLoader } from "./storageLoader.js";
import { findTorchClass } from "./torchGlobals.js";
import { isWeightsOnlyGlobal } from "./weightsOnly.js";

/** What the container of a torch file says besides the pickle. */
export interface TorchArchiveInfo {
  /** The folder all records lie in: "archive" for Lightning, else the file's first name. */
  readonly prefix: string;
  readonly byteOrder: "little" | "big";
  /** The `version` record, null when it is missing. */
  readonly version: number | null;
  readonly recordCount: number;
  /** Bytes of the storages' records together. */
  readonly storageBytes: number;
}

/** A file that torch.save wrote: its value, with tensors whose bytes are still in the file. */
export interface TorchFile {
  readonly format: "torch-zip";
  readonly value: PyValue;
  readonly archive: TorchArchiveInfo;
  /** Pickle protocol of the value. */
  readonly protocol: number;
  /** Every class and function the file names, known or not; none was called. */
  readonly globals: readonly PyGlobal[];
  /** Those that torch.load(weights_only=True) would refuse. */
  readonly foreignGlobals: readonly PyGlobal[];
}

/** The pickle of a model with a million tensors; a longer one is not read. */
const MAX_PICKLE_BYTES = 1 << 28;
/** torch reads versions 1 to 10. */
const MAX_VERSION = 10;

/**
 * Read what torch.save wrote: the directory and the pickle now, the tensors' bytes when they are asked for. Who has
 * asked detectFormat before gives its answer, so that the directory is not read twice.
 */
export async function torchLoad(source: ByteSource, detected?: DetectedFormat): Promise<TorchFile> {
  const { format, description, hint, archive } = detected ?? (await detectFormat(source));
  if (format === "torch-zip") return loadZip(archive ?? (await openZip(source)));
  if (format === "other" || format === "npy" || format === "npz") {
    throw new LtrainError(
      "checkpoint.notACheckpoint",
      `this is not a checkpoint, but ${description}`,
      hint === undefined ? {} : { hint },
    );
  }
  throw new LtrainError("checkpoint.unsupported", `this is ${description}, which is not read here`, {
    hint: "open it with torch.load in Python and save it again with torch.save",
  });
}

async function loadZip(archive: ZipArchive): Promise<TorchFile> {
  const prefix = prefixOf(archive);
  const record = (name: string): ZipEntry | undefined => archive.entries.get(`${prefix}/${name}`);
  const data = record("data.pkl");
  if (data === undefined) {
    throw new LtrainError(
      "checkpoint.notACheckpoint",
      `the archive has no record ${prefix}/data.pkl, so torch.save did not write it`,
    );
  }
  if (data.byteLength > MAX_PICKLE_BYTES) {
    throw new LtrainError(
      "checkpoint.malformed",
      `record "${data.name}" is ${data.byteLength} bytes long; a pickle of more than ${MAX_PICKLE_BYTES} is not read`,
    );
  }
  const [byteOrder, version, bytes] = await Promise.all([
    readByteOrder(record("byteorder")),
    readVersion(record("version") ?? record(".data/version")),
    data.bytes(),
  ]);
  const read = readPickle(bytes, {
    name: data.name,
    persistentLoad: storageLoader((key) => record(`data/${key}`), byteOrder),
    findClass: findTorchClass,
  });
  return {
    format: "torch-zip",
    value: read.value,
    archive: {
      prefix,
      byteOrder,
      version,
      recordCount: archive.entries.size,
      storageBytes: storageBytes(archive, prefix),
    },
    protocol: read.protocol,
    globals: read.globals,
    foreignGlobals: read.globals.filter((global) => !isWeightsOnlyGlobal(global)),
  };
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

const MAX_SHORT_TEXT = 64;

async function shortText(entry: ZipEntry): Promise<string> {
  if (entry.byteLength > MAX_SHORT_TEXT) {
    throw new LtrainError(
      "checkpoint.malformed",
      `record "${entry.name}" should be one word, and is ${entry.byteLength} bytes long`,
    );
  }
  return Buffer.from(await entry.bytes()).toString("latin1");
}

function storageBytes(archive: ZipArchive, prefix: string): number {
  let total = 0;
  for (const entry of archive.entries.values()) if (entry.name.startsWith(`${prefix}/data/`)) total += entry.byteLength;
  return total;
}
