import { LtrainError } from "../errors.js";
import type { FileOperations } from "../io/fileOperations.js";
import { openFile } from "../io/fileSource.js";
import type { FileContent } from "./readContent.js";
import { readContent } from "./readContent.js";

/** A file whose tree has been read and whose tensors are still in it; close it when they have been. */
export interface OpenedFile extends FileContent {
  readonly path: string;
  /** Size of the file. */
  readonly byteLength: number;
  readonly close: () => Promise<void>;
}

/** Open any file that holds named tensors: its structure is read, nothing in it is run. */
export async function openCheckpoint(
  path: string,
  options: { readonly files?: FileOperations } = {},
): Promise<OpenedFile> {
  const source = await openFile(path, options);
  try {
    const content = await readContent(source, path);
    return { path, byteLength: source.byteLength, ...content, close: () => source.close() };
  } catch (error) {
    await source.close();
    throw atPath(path, error);
  }
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
