import type { FileOperations, OpenFile } from "../../src/io/fileOperations.js";

/** What a fault does to the operation it meets. */
export interface Fault {
  /** The number of the operation that fails, from 0. */
  readonly at: number;
  readonly errno: string;
}

/** File operations of which one fails, as if the disk had; `count` is how many were asked for. */
export interface FaultyFiles extends FileOperations {
  readonly names: readonly string[];
}

/** The operations of `files`, with a planned fault; writes take at most `mostPerWrite` bytes at once. */
export function faultyFiles(files: FileOperations, fault: Fault | undefined, mostPerWrite = Infinity): FaultyFiles {
  const names: string[] = [];
  const step = <T>(name: string, run: () => Promise<T>): Promise<T> => {
    names.push(name);
    if (fault === undefined || names.length - 1 !== fault.at) return run();
    return Promise.reject(Object.assign(new Error(`${fault.errno}: planned`), { code: fault.errno }));
  };
  const faultyFile = (file: OpenFile): OpenFile => ({
    read: (buffer, offset, length, position) => step("read", () => file.read(buffer, offset, length, position)),
    write: (bytes) => step("write", () => file.write(bytes.subarray(0, mostPerWrite))),
    status: () => step("file status", () => file.status()),
    sync: () => step("sync", () => file.sync()),
    // A close that fails has closed all the same.
    close: async () => {
      await file.close();
      await step("close", () => Promise.resolve());
    },
  });
  return {
    names,
    open: (path, mode) => step("open", async () => faultyFile(await files.open(path, mode))),
    status: (path) => step("status", () => files.status(path)),
    rename: (from, to) => step("rename", () => files.rename(from, to)),
    unlink: (path) => step("unlink", () => files.unlink(path)),
    makeFolder: (path) => step("makeFolder", () => files.makeFolder(path)),
    removeFolder: (path) => step("removeFolder", () => files.removeFolder(path)),
    listFolder: (path) => step("listFolder", () => files.listFolder(path)),
    syncFolder: (path) => step("syncFolder", () => files.syncFolder(path)),
    realPath: (path) => step("realPath", () => files.realPath(path)),
    link: (target, path) => step("link", () => files.link(target, path)),
    hardLink: (file, path) => step("hardLink", () => files.hardLink(file, path)),
    clone: (file, path) => step("clone", () => files.clone(file, path)),
    freeSpace: (path) => step("freeSpace", () => files.freeSpace(path)),
  };
}
