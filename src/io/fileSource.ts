import { resolve } from "node:path";
import { LtrainError } from "../errors.js";
import type { ByteSource } from "./byteSource.js";
import { detail } from "./details.js";
import type { FileOperations, OpenFile } from "./fileOperations.js";
import { nodeFiles } from "./fileOperations.js";
import { isMissing, systemError } from "./systemError.js";

/** A file opened for positional reads; close it when done. */
export interface FileSource extends ByteSource {
  readonly path: string;
  close(): Promise<void>;
}

/** One read call moves at most this much: a Buffer of more than 2 GiB is refused by some systems. */
const MAX_READ_BYTES = 1 << 30;

/** Open the file at `path` to read ranges of it. */
export async function openFile(path: string, options: { readonly files?: FileOperations } = {}): Promise<FileSource> {
  const files = options.files ?? nodeFiles;
  let file: OpenFile;
  try {
    file = await files.open(path, "read");
  } catch (error) {
    if (isMissing(error)) throw new LtrainError("file.missing", `there is no file ${path}`, { cause: error });
    throw systemError(error, "open", path);
  }
  try {
    const status = await file.status();
    if (status.kind === "folder") throw new LtrainError("file.missing", `${path} is a folder, and a file is needed`);
    if (status.kind !== "file") throw new LtrainError("file.missing", `${path} is not a regular file`);
    detail("read", () => `${resolve(path)} (${status.byteLength} bytes)`);
    return fileSource(path, file, status.byteLength);
  } catch (error) {
    await file.close();
    throw systemError(error, "read", path);
  }
}

function fileSource(path: string, file: OpenFile, byteLength: number): FileSource {
  const checkRange = (start: number, end: number): void => {
    if (start >= 0 && start <= end && end <= byteLength) return;
    throw new LtrainError(
      "checkpoint.malformed",
      `${path}: bytes ${start} to ${end} are asked for, but the file ends at byte ${byteLength}`,
      { hint: "the file may be cut short; compare its size with the original" },
    );
  };
  const readInto = async (bytes: Uint8Array, start: number): Promise<void> => {
    checkRange(start, start + bytes.byteLength);
    let done = 0;
    while (done < bytes.byteLength) {
      const length = Math.min(bytes.byteLength - done, MAX_READ_BYTES);
      let count: number;
      try {
        count = await file.read(bytes, done, length, start + done);
      } catch (error) {
        throw systemError(error, "read", path);
      }
      if (count === 0) {
        throw new LtrainError(
          "checkpoint.malformed",
          `${path}: the file ended at byte ${start + done} while it was read`,
        );
      }
      done += count;
    }
  };
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    checkRange(start, end); // before anything is allocated
    const bytes = new Uint8Array(end - start);
    await readInto(bytes, start);
    return bytes;
  };
  const close = async (): Promise<void> => {
    try {
      await file.close();
    } catch (error) {
      throw systemError(error, "close", path);
    }
  };
  return { path, byteLength, read, readInto, close };
}
