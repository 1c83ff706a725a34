import type { ByteSource } from "../io/byteSource.js";
import type { PyGlobal, PyValue } from "../pickle/values.js";

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

/** Read what torch.save wrote: the directory and the pickle now, the tensors' bytes when they are asked for. */
export function torchLoad(_source: ByteSource): Promise<TorchFile> {
  throw new Error("not yet");
}
