import { dirname, join } from "node:path";
import { LtrainError } from "../errors.js";
import { attempt, syncFolderOf, writeFileAtomically } from "./atomicFile.js";
import type { FileOperations } from "./fileOperations.js";
import { nodeFiles } from "./fileOperations.js";
import { isMissing, systemError } from "./systemError.js";
import { temporaryPath } from "./temporaryName.js";

/** How a folder is written. */
export interface FolderWriteOptions {
  readonly files?: FileOperations;
  /** The folder that is there may go when it holds this file, which says that it is one of its kind. */
  readonly replaces?: string;
}

/**
 * Write a folder of files so that a reader sees all of them or none: they are made in a folder of a temporary name beside
 * it, brought to the disk, and get their name by one rename. A folder that is replaced steps aside for it and is removed
 * afterwards; between the two renames there is none.
 */
export async function writeFolderAtomically(
  path: string,
  content: ReadonlyMap<string, Uint8Array>,
  options: FolderWriteOptions = {},
): Promise<void> {
  const files = options.files ?? nodeFiles;
  const isThere = await refuseOthers(path, options.replaces, files);
  const temporary = temporaryPath(path);
  const aside = isThere ? temporaryPath(path) : undefined;
  let isRenamed = false;
  try {
    await attempt(files.makeFolder(temporary), "create the folder", path);
    for (const [name, bytes] of content) {
      await writeFileAtomically(join(temporary, name), (sink) => sink.write(bytes), { files });
    }
    if (aside !== undefined) await attempt(files.rename(path, aside), "replace", path);
    try {
      await attempt(files.rename(temporary, path), "write", path);
      isRenamed = true;
    } catch (error) {
      if (aside !== undefined) await files.rename(aside, path).catch(() => undefined);
      throw error;
    }
  } finally {
    if (!isRenamed) await files.removeFolder(temporary).catch(() => undefined); // the write's own failure is the news
  }
  await syncFolderOf(path, files);
  if (aside !== undefined) await attempt(files.removeFolder(aside), "remove the old", path);
}

/** Whether there is a folder to replace; anything that is not one of its kind stays. */
async function refuseOthers(path: string, mark: string | undefined, files: FileOperations): Promise<boolean> {
  try {
    const { kind } = await files.status(path);
    if (kind === "folder") {
      const names = await files.listFolder(path);
      if (names.length === 0 || (mark !== undefined && names.some(({ name }) => name === mark))) return true;
    }
  } catch (error) {
    if (isMissing(error)) return false;
    throw systemError(error, "write", path);
  }
  throw new LtrainError(
    "output.refused",
    `${path} is there already, and is no folder with a ${mark ?? "file"} to replace`,
    {
      hint: `give another name with -o; ${dirname(path)} stays as it is`,
    },
  );
}
