import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { readPickle } from "../pickle/unpickler.js";
import type { PyGlobal, PyValue } from "../pickle/values.js";
import { openZip } from "../zip/zipReader.js";
import { detectFormat } from "./format.js";
import type { DetectedFormat } from "./format.js";
import { ArchiveStorages } from "./archiveStorages.js";
import { openTorchArchive, storageBytesOf } from "./torchArchive.js";
import type { TorchArchive } from "./torchArchive.js";
import { tensorCallReader } from "./tensorCall.js";
import { findTorchClass } from "./torchGlobals.js";
import { isWeightsOnlyGlobal, refusedOpcodes } from "./weightsOnly.js";

/** What the container of a torch file says besides the pickle. */
export interface TorchArchiveInfo {
  /** The folder all records lie in: "archive" for Lightning, else the file's first name; "" where there are no records. */
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
  readonly format: "torch-zip" | "torchscript" | "torch-legacy" | "torch-tar";
  readonly value: PyValue;
  readonly archive: TorchArchiveInfo;
  /** Pickle protocol of the value. */
  readonly protocol: number;
  /** Every class and function the file names, known or not; none was called. */
  readonly globals: readonly PyGlobal[];
  /** Those that torch.load(weights_only=True) would refuse. */
  readonly foreignGlobals: readonly PyGlobal[];
  /** Opcodes of its pickle at which torch.load(weights_only=True) would stop, whatever they name. */
  readonly refusedOpcodes?: readonly string[];
  /** What is in the file and not in the value, in words. */
  readonly remarks: readonly string[];
}

/**
 * Read what torch.save or torch.jit.save wrote: the directory and the pickle now, the tensors' bytes when they are asked
 * for. Who has asked detectFormat before gives its answer, so that the directory is not read twice.
 */
export async function torchLoad(source: ByteSource, detected?: DetectedFormat): Promise<TorchFile> {
  const { format, description, hint, archive } = detected ?? (await detectFormat(source));
  switch (format) {
    case "torch-zip":
      return loadZip(await openTorchArchive(archive ?? (await openZip(source))));
    case "torchscript":
      return loadScriptFile(await openTorchArchive(archive ?? (await openZip(source))));
    case "torch-legacy":
      return loadLegacyFile(source);
    case "torch-tar":
      return loadTarFile(source);
    case "pickle":
      throw await (await import("./barePickle.js")).barePickleError(source);
    default:
      throw new LtrainError(
        "checkpoint.notACheckpoint",
        `this is ${description}, not a checkpoint`,
        hint === undefined ? {} : { hint },
      );
  }
}

async function loadZip(archive: TorchArchive): Promise<TorchFile> {
  const storages = new ArchiveStorages(archive.recordsIn("data/"), archive.byteOrder);
  const read = readPickle(await archive.bytes("data.pkl"), {
    name: `${archive.prefix}/data.pkl`,
    persistentLoad: (id) => storages.load(id),
    shortcut: tensorCallReader((...parts) => storages.open(...parts)),
    findClass: findTorchClass,
  });
  const { value, protocol } = read;
  const refused = refusedOpcodes(read);
  const about = { protocol, ...globalsOf(read), refusedOpcodes: refused, remarks: [] };
  return { format: "torch-zip", value, archive: infoOf(archive), ...about };
}

async function loadScriptFile(archive: TorchArchive): Promise<TorchFile> {
  const { loadScript } = await import("./scriptLoad.js");
  const read = await loadScript(archive);
  const { value, protocol, codeFiles } = read;
  const remarks = [
    `a TorchScript program: its weights are shown; its code (${codeFiles.length} files in ${archive.prefix}/code/) is not read`,
  ];
  return { format: "torchscript", value, archive: infoOf(archive), protocol, ...globalsOf(read), remarks };
}

async function loadLegacyFile(source: ByteSource): Promise<TorchFile> {
  const { loadLegacy } = await import("./legacyLoad.js"); // zip files are all but all there are
  const read = await loadLegacy(source);
  const { value, protocol, storageCount, storageBytes, trailingBytes } = read;
  const remarks =
    trailingBytes === 0
      ? []
      : [`${trailingBytes} bytes follow the last storage: another torch.save, perhaps; torch.load does not read them`];
  const archive = { ...NO_ARCHIVE, recordCount: storageCount, storageBytes };
  const refused = refusedOpcodes(read);
  return { format: "torch-legacy", value, archive, protocol, ...globalsOf(read), refusedOpcodes: refused, remarks };
}

async function loadTarFile(source: ByteSource): Promise<TorchFile> {
  const { loadTar } = await import("./tarLoad.js");
  const read = await loadTar(source);
  const { value, protocol, storageCount, storageBytes } = read;
  const archive = { ...NO_ARCHIVE, recordCount: storageCount, storageBytes };
  return { format: "torch-tar", value, archive, protocol, ...globalsOf(read), remarks: [] };
}

const NO_ARCHIVE = { prefix: "", byteOrder: "little", version: null } as const;

function infoOf(archive: TorchArchive): TorchArchiveInfo {
  const { prefix, byteOrder, version } = archive;
  const recordCount = archive.archive.entries.size;
  return {
    prefix,
    byteOrder,
    version,
    recordCount,
    get storageBytes() {
      return storageBytesOf(archive); // a sum over all records, which few ask for
    },
  };
}

function globalsOf({
  globals,
}: {
  readonly globals: readonly PyGlobal[];
}): Pick<TorchFile, "globals" | "foreignGlobals"> {
  return { globals, foreignGlobals: globals.filter((global) => !isWeightsOnlyGlobal(global)) };
}
