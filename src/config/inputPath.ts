import { resolve } from "node:path";
import { isUrl } from "../io/location.js";
import { statusOf } from "../io/textFile.js";
import type { Origin } from "./origin.js";
import { folderOf } from "./origin.js";

/**
 * A path to read, in full: in a config file it starts from the file's folder where something is there, else from where
 * the command runs. An address stays what it is.
 */
export async function inputPath(path: string, origin: Origin): Promise<string> {
  if (isUrl(path)) return path;
  const besideConfig = resolve(folderOf(origin), path);
  return (await statusOf(besideConfig)) === undefined ? resolve(path) : besideConfig;
}
