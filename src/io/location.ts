import { dirname, join } from "node:path";
import type { FileOperations } from "./fileOperations.js";
import type { FileSource } from "./fileSource.js";
import { openFile } from "./fileSource.js";

/** Whether a path is the address of a file on a server. */
export function isUrl(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/** Open a file of this machine, or one on a server by range requests. */
export async function openLocation(
  path: string,
  options: { readonly files?: FileOperations } = {},
): Promise<FileSource> {
  if (!isUrl(path)) return openFile(path, options);
  const { openUrl } = await import("./httpSource.js"); // most runs read no address
  return openUrl(path);
}

/** The file `name` beside the one at `path`; of an address the query stays, for it may be what lets one in. */
export function besideOf(path: string, name: string): string {
  if (!isUrl(path)) return join(dirname(path), name);
  const { search } = new URL(path);
  const beside = new URL(encodeURI(name), path);
  beside.search = search;
  return beside.href;
}
