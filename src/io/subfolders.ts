import { readdirSync } from "node:fs";
import { isMissing, systemError } from "./systemError.js";

/**
 * Names of the folders in a folder, none when it is missing. Synchronous, for the one place that must answer at once:
 * a logger is asked for its folder in a property.
 */
export function subfolders(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw systemError(error, "list", path);
  }
}
