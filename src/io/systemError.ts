import { LtrainError } from "../errors.js";

const FULL = new Set(["ENOSPC", "EDQUOT"]);
const MISSING = new Set(["ENOENT", "ENOTDIR"]);

/** The errno name of a failed system call ("ENOENT"), or undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  // Not `instanceof Error`: an error of node:fs is of another realm where code runs in a context of its own, as in jest.
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** Whether the error says that a path leads nowhere. */
export function isMissing(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno !== undefined && MISSING.has(errno);
}

/** What a failed system call means to the user: the path, what was tried, the errno. Other errors come back as they are. */
export function systemError(error: unknown, doing: string, path: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || error instanceof LtrainError) return error;
  if (FULL.has(errno)) {
    return new LtrainError("disk.full", `cannot ${doing} ${path}: no space left (${errno})`, {
      hint: "free some space or choose another folder; nothing that was there before has been changed",
      cause: error,
    });
  }
  if (MISSING.has(errno)) {
    return new LtrainError("file.missing", `cannot ${doing} ${path}: it does not exist (${errno})`, { cause: error });
  }
  const message = typeof error === "object" && error !== null && "message" in error ? error.message : error;
  const reason = String(message).replace(/^E[A-Z0-9]+: /, "");
  return new LtrainError("io.failed", `cannot ${doing} ${path}: ${reason} (${errno})`, { cause: error });
}
