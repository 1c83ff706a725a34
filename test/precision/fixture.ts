import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What make.py wrote, from real torch. */
export function fixture(name: string): unknown {
  return JSON.parse(readFileSync(fileURLToPath(new URL(`../fixtures/precision/${name}`, import.meta.url)), "utf8"));
}
