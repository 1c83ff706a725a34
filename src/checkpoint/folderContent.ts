import type { PyGlobal } from "../pickle/values.js";
import type { FileContent } from "./readContent.js";

/** What several files that are one checkpoint hold together. */
export interface FolderContent extends FileContent {
  /** Of all the files that were opened or are referred to. */
  readonly byteLength: number;
  /** Names of the files beside the one that tells of them. */
  readonly parts: readonly string[];
}

/** Every global once, by its name, in the order of appearance. */
export function unionOfGlobals(...lists: readonly (readonly PyGlobal[])[]): readonly PyGlobal[] {
  return [...new Map(lists.flat().map((global) => [global.toString(), global])).values()];
}
