import type { ByteSource } from "../io/byteSource.js";
import { describeBytes, isLegacyTorch, isTar, looksLikePickle, startsWith } from "./magic.js";
import { LtrainError } from "../errors.js";
import { openZip } from "../zip/zipReader.js";
import type { ZipArchive } from "../zip/zipReader.js";

/** The kinds of files that hold, or have held, checkpoints; "other" is everything else. */
export type FileFormat =
  "torch-zip" | "torchscript" | "torch-legacy" | "torch-tar" | "pickle" | "safetensors" | "npz" | "npy" | "other";

/** The kinds of checkpoints that are several files. */
export type FolderFormat = "torch-distributed" | "safetensors-sharded" | "torch-sharded" | "deepspeed";

/** What a file is, by its bytes. */
export interface DetectedFormat {
  readonly format: FileFormat;
  /** What it really is, in words: "a PDF document". */
  readonly description: string;
  /** The way out, where there is one. */
  readonly hint?: string;
  /** The directory of a zip archive, which had to be read to know. */
  readonly archive?: ZipArchive;
}

/** A tar header is this long, and says so near its end. */
const HEAD_BYTES = 512;
const ZIP = [0x50, 0x4b, 0x03, 0x04];
const EMPTY_ZIP = [0x50, 0x4b, 0x05, 0x06];
const NPY = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** What a file is, by its first bytes (and a zip archive's directory). Nothing is believed yet: reading it can still fail. */
export async function detectFormat(source: ByteSource): Promise<DetectedFormat> {
  const head = await source.read(0, Math.min(HEAD_BYTES, source.byteLength));
  if (startsWith(head, ZIP)) return detectZip(source);
  if (startsWith(head, EMPTY_ZIP)) return { format: "other", description: "an empty zip archive" };
  if (isLegacyTorch(head))
    return { format: "torch-legacy", description: "a file of torch before 1.6 (not a zip archive)" };
  if (isTar(head)) return await detectTar(source, head);
  if (startsWith(head, NPY)) return { format: "npy", description: "a numpy array (.npy)" };
  const foreign = describeBytes(head);
  if (foreign !== undefined) return { format: "other", ...foreign };
  if (isSafetensors(head, source.byteLength)) return { format: "safetensors", description: "a safetensors file" };
  if (looksLikePickle(head)) return { format: "pickle", description: "a bare pickle, not written by torch.save" };
  return { format: "other", description: describeUnknown(head, source.byteLength) };
}

/** A header length that fits, and a JSON object behind it. */
function isSafetensors(head: Uint8Array, byteLength: number): boolean {
  if (head.byteLength < 9) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const length = view.getUint32(4, true) * 0x1_0000_0000 + view.getUint32(0, true);
  const text = Buffer.from(head.subarray(8)).toString("latin1");
  // A length that lies is a safetensors file all the same; the reader says what is wrong with it.
  return length > 0 && /^\s*\{(\s*"|\s*\}|$)/.test(text) && (8 + length <= byteLength || text.includes('"dtype"'));
}

async function detectZip(source: ByteSource): Promise<DetectedFormat> {
  let archive: ZipArchive;
  try {
    archive = await openZip(source);
  } catch (error) {
    // A damaged archive is for its reader to complain of.
    if (error instanceof LtrainError) return { format: "torch-zip", description: "a zip archive" };
    throw error;
  }
  const names = [...archive.entries.keys()];
  const prefix = names[0]?.split("/", 1)[0] ?? "";
  const has = (name: string): boolean => archive.entries.has(`${prefix}/${name}`) || archive.entries.has(name);
  if (has("data.pkl")) {
    return has("constants.pkl")
      ? { format: "torchscript", description: "a TorchScript archive, a program with its weights", archive }
      : { format: "torch-zip", description: "a torch zip file", archive };
  }
  // As np.load does: what else lies in the archive is no array.
  if (names.some((name) => name.endsWith(".npy"))) {
    return { format: "npz", description: "a numpy archive (.npz)", archive };
  }
  const known = KNOWN_ARCHIVES.find(({ name }) => has(name));
  return {
    format: "other",
    description: known?.description ?? "a zip archive without data.pkl, not written by torch.save",
  };
}

const KNOWN_ARCHIVES = [
  { name: "archive_format", description: "a program of torch.export (.pt2)" },
  { name: "model.weights.h5", description: "a Keras model (.keras)" },
  { name: "[Content_Types].xml", description: "an office document" },
  { name: "META-INF/MANIFEST.MF", description: "a Java archive" },
] as const;

/** torch 0.1 wrote tar archives with these members; any other tar is just a tar. */
async function detectTar(source: ByteSource, head: Uint8Array): Promise<DetectedFormat> {
  const isMember = (bytes: Uint8Array): boolean =>
    ["sys_info", "pickle", "tensors", "storages"].some((name) =>
      new RegExp(`^(\\./)?${name}\0`).test(Buffer.from(bytes.subarray(0, 100)).toString("latin1")),
    );
  // The first entry may be the folder itself.
  const second = await source.read(
    Math.min(HEAD_BYTES, source.byteLength),
    Math.min(2 * HEAD_BYTES, source.byteLength),
  );
  return isMember(head) || isMember(second)
    ? { format: "torch-tar", description: "a tar file of torch 0.1" }
    : { format: "other", description: "a tar archive", hint: "unpack it first (tar -xf)" };
}

function describeUnknown(head: Uint8Array, byteLength: number): string {
  if (head.every((byte) => byte === 0))
    return `${byteLength} bytes of which the first are all zero: a download that never finished`;
  const hex = Buffer.from(head.subarray(0, 8))
    .toString("hex")
    .replace(/(..)(?=.)/g, "$1 ");
  return `a file of another kind (its first bytes are ${hex})`;
}
