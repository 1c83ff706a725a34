import type { ErrorCode } from "../errors.js";
import { LtrainError } from "../errors.js";
import type { FileFormat, FolderFormat } from "../serialization/format.js";

/** One thing that is wrong with a file. */
export interface Problem {
  readonly code: ErrorCode;
  /** The record, the byte and both values, in words. */
  readonly message: string;
  /** The way out, where there is one. */
  readonly hint: string | null;
  /** The archive's record it is in; null where there are no records, or it is in none. */
  readonly record: string | null;
  /** Where in the file that record or the damage begins; null when it is no place in the file. */
  readonly offset: number | null;
  /** The tensors it concerns: `state_dict["encoder.0.weight"]`. */
  readonly paths: readonly string[];
}

/** How many records' checksums were compared, and how that went. */
export interface ChecksumCount {
  readonly right: number;
  readonly wrong: number;
  /** Records whose writer left out the checksum, or whose format has none. */
  readonly absent: number;
}

/** What came of reading records or storages from their first byte to their last. */
export interface RecordsCheck {
  readonly checksums: ChecksumCount;
  readonly problems: readonly Problem[];
}

/** What was found out about one file. */
export interface Verification {
  readonly path: string;
  readonly format: FileFormat | FolderFormat | null;
  /** Bytes of the file, or of all the files of a folder; null when it could not be opened. */
  readonly byteLength: number | null;
  readonly problems: readonly Problem[];
  readonly checksums: ChecksumCount;
  /** Tensors whose place was compared with their storage; null when the tree could not be read. */
  readonly tensors: number | null;
  /** What this kind of file gives no means to check. */
  readonly notes: readonly string[];
}

/** A file is sound when nothing is wrong with it. */
export function isSound({ problems }: Verification): boolean {
  return problems.length === 0;
}

/** A refusal of a reader as a problem of the file it read. */
export function problemOf(error: unknown, place: Partial<Problem> = {}): Problem {
  if (!(error instanceof LtrainError)) throw error;
  const { code, message, hint = null } = error;
  return { code, message, hint, record: null, offset: null, paths: [], ...place };
}
