import { LtrainError } from "../errors.js";
import type { FileOperations } from "../io/fileOperations.js";
import type { FileSource } from "../io/fileSource.js";
import { openFile } from "../io/fileSource.js";
import type { PyGlobal, PyValue } from "../pickle/values.js";
import { PyDict } from "../pickle/values.js";
import type { FileFormat } from "../serialization/format.js";
import { detectFormat } from "../serialization/format.js";
import { readSafetensors } from "../serialization/safetensors.js";
import { torchLoad } from "../serialization/torchLoad.js";

/** A file whose tree has been read and whose tensors are still in it; close it when they have been. */
export interface OpenedFile {
  readonly path: string;
  readonly format: FileFormat;
  /** Size of the file. */
  readonly byteLength: number;
  /** What torch.load would give; a safetensors file is a dict of its tensors. */
  readonly root: PyValue;
  /** Every class and function the file names; none was called. */
  readonly globals: readonly PyGlobal[];
  /** Those of them that torch.load(weights_only=True) would refuse. */
  readonly foreignGlobals: readonly PyGlobal[];
  /** safetensors' own strings; empty for torch's files. */
  readonly metadata: ReadonlyMap<string, string>;
  /** What is in the file and not in the tree, in words: a TorchScript program's code. */
  readonly remarks: readonly string[];
  readonly close: () => Promise<void>;
}

/** Open any file that holds named tensors: its structure is read, nothing in it is run. */
export async function openCheckpoint(
  path: string,
  options: { readonly files?: FileOperations } = {},
): Promise<OpenedFile> {
  const source = await openFile(path, options);
  try {
    const content = await readContent(source);
    return { path, byteLength: source.byteLength, ...content, close: () => source.close() };
  } catch (error) {
    await source.close();
    throw atPath(path, error);
  }
}

type Content = Pick<OpenedFile, "format" | "root" | "globals" | "foreignGlobals" | "metadata" | "remarks">;

async function readContent(source: FileSource): Promise<Content> {
  const detected = await detectFormat(source);
  if (detected.format === "safetensors") {
    const { tensors, metadata } = await readSafetensors(source);
    return {
      format: "safetensors",
      root: new PyDict(tensors),
      globals: [],
      foreignGlobals: [],
      metadata,
      remarks: [],
    };
  }
  const { format, value, globals, foreignGlobals, remarks } = await torchLoad(source, detected);
  return { format, root: value, globals, foreignGlobals, metadata: new Map(), remarks };
}

/** Readers of bytes do not know what a path is: whoever opened the file adds it to their complaint about the file. */
export function atPath(path: string, error: unknown): unknown {
  if (!(error instanceof LtrainError) || !error.code.startsWith("checkpoint.") || error.message.includes(path)) {
    return error;
  }
  return new LtrainError(error.code, `${path}: ${error.message}`, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
