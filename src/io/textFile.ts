import type { FileOperations, FileStatus, FolderEntry } from "./fileOperations.js";
import { nodeFiles } from "./fileOperations.js";
import { openFile } from "./fileSource.js";
import { isMissing, systemError } from "./systemError.js";

/** The whole of a file, in memory: for small things. */
export async function readBytes(path: string, files: FileOperations = nodeFiles): Promise<Uint8Array> {
  const source = await openFile(path, { files });
  try {
    return await source.read(0, source.byteLength);
  } finally {
    await source.close();
  }
}

/** The whole of a UTF-8 file; a byte order mark is dropped. */
export async function readText(path: string, files: FileOperations = nodeFiles): Promise<string> {
  return new TextDecoder().decode(await readBytes(path, files));
}

/** Replace a text file so that a reader sees the old one or the new one. */
export async function writeTextAtomically(
  path: string,
  text: string,
  files: FileOperations = nodeFiles,
): Promise<void> {
  const { writeFileAtomically } = await import("./atomicFile.js"); // who only reads loads no writer
  await writeFileAtomically(path, (sink) => sink.write(new TextEncoder().encode(text)), { files });
}

/** Add text at the end of a file, which is created when missing. */
export async function appendText(path: string, text: string, files: FileOperations = nodeFiles): Promise<void> {
  await appendBytes(path, new TextEncoder().encode(text), files);
}

/** Add bytes at the end of a file, which is created when missing. */
export async function appendBytes(path: string, bytes: Uint8Array, files: FileOperations = nodeFiles): Promise<void> {
  try {
    const file = await files.open(path, "append");
    try {
      let done = 0;
      while (done < bytes.byteLength) done += await file.write(bytes.subarray(done));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw systemError(error, "write", path);
  }
}

/** What is at a path, or undefined when nothing is. */
export async function statusOf(path: string, files: FileOperations = nodeFiles): Promise<FileStatus | undefined> {
  try {
    return await files.status(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw systemError(error, "look at", path);
  }
}

/** Whether a regular file is there. */
export async function fileExists(path: string, files: FileOperations = nodeFiles): Promise<boolean> {
  return (await statusOf(path, files))?.kind === "file";
}

/** Whether a folder is there. */
export async function isFolder(path: string, files: FileOperations = nodeFiles): Promise<boolean> {
  return (await statusOf(path, files))?.kind === "folder";
}

/** The entries of a folder by name, none when the folder is missing. */
export async function listFolder(path: string, files: FileOperations = nodeFiles): Promise<readonly FolderEntry[]> {
  try {
    const entries = await files.listFolder(path);
    return [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  } catch (error) {
    if (isMissing(error)) return [];
    throw systemError(error, "list", path);
  }
}

/** Create a folder and those above it; one that is there already is fine. */
export async function makeFolder(path: string, files: FileOperations = nodeFiles): Promise<void> {
  try {
    await files.makeFolder(path);
  } catch (error) {
    throw systemError(error, "create the folder", path);
  }
}

/** Remove a file; one that is gone already is fine. */
export async function removeFile(path: string, files: FileOperations = nodeFiles): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw systemError(error, "remove", path);
  }
}

/** Whether two paths lead to the same file; false when either is missing. */
export async function isSameFile(a: string, b: string, files: FileOperations = nodeFiles): Promise<boolean> {
  const [first, second] = await Promise.all([statusOf(a, files), statusOf(b, files)]);
  return first !== undefined && second !== undefined && first.identity === second.identity;
}
