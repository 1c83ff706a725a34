import { dirname } from "node:path";

/** Where a piece of a config was written: the place a complaint names. */
export type Origin =
  | { readonly kind: "file"; readonly path: string; readonly line: number; readonly column: number }
  | { readonly kind: "override"; readonly text: string; /** Its place among the words. */ readonly at?: number }
  | { readonly kind: "checkpoint"; readonly path: string };

/** The origin as editors and people read it: `file:line:column`, or what was typed. */
export function placeOf(origin: Origin): string {
  switch (origin.kind) {
    case "file":
      return `${origin.path}:${origin.line}:${origin.column}`;
    case "override":
      return origin.text;
    case "checkpoint":
      return `the config in ${origin.path}`;
    default:
      origin satisfies never;
      throw new TypeError("unreachable");
  }
}

/** The folder that relative paths written at this place start from: the config's own, else where the command runs. */
export function folderOf(origin: Origin): string {
  return origin.kind === "file" ? dirname(origin.path) : ".";
}
