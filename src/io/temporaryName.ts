import { createHash, randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { processIdentity } from "./environment.js";

/** Where a file is written before it takes its name: in the same folder, so that a rename is all that is left to do. */
export function temporaryPath(path: string): string {
  const { host, pid } = processIdentity();
  const name = `.${basename(path)}.${hostTag(host)}-${pid}.${randomBytes(6).toString("hex")}.tmp`;
  return join(dirname(path), name);
}

/** Who was writing a file with a temporary name, and what it was to be called. */
export interface TemporaryName {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
}

/** What a temporary name says; null when it is none. */
export function parseTemporaryName(name: string): TemporaryName | null {
  const match = /^\.(.+)\.([0-9a-f]{8})-(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name);
  return match === null ? null : { name: match[1] ?? "", host: match[2] ?? "", pid: Number(match[3]) };
}

/** A machine's name as it stands in temporary names. */
export function hostTag(host: string): string {
  return createHash("sha256").update(host).digest("hex").slice(0, 8);
}
