import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import type { FileOperations } from "../io/fileOperations.js";
import { openFile } from "../io/fileSource.js";
import { rangeChunks } from "../io/rangeChunks.js";
import { fileExists, readText } from "../io/textFile.js";
import type { Problem } from "./verification.js";

/** The file beside the checkpoints of a folder that says what was written there: one JSON object a line. */
export const JOURNAL_NAME = "checkpoints.jsonl";

/** What the journal says of a file that was saved. */
export interface JournalEntry {
  /** Name of the file in the journal's folder. */
  readonly path: string;
  /** Of all its bytes, in hexadecimal digits. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** Optimizer steps taken. */
  readonly step: number;
  readonly epoch: number;
  /** What callbacks could see when it was saved; what JSON has no number for is text. */
  readonly metrics: Readonly<Record<string, number | string>>;
  /** When it was written, in UTC. */
  readonly time: string;
}

/** An entry as its line in the journal. */
export function journalLine(entry: JournalEntry): string {
  return `${JSON.stringify(entry)}\n`;
}

/**
 * The entries of a folder's journal, oldest first; none when there is no journal. A line that is no entry, such as the
 * torn last one of a crash, says nothing and is passed over.
 */
export async function readJournal(folder: string, files?: FileOperations): Promise<JournalEntry[]> {
  const path = join(folder, JOURNAL_NAME);
  if (!(await fileExists(path, files))) return [];
  return (await readText(path, files)).split("\n").flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): JournalEntry | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  return isEntry(value) ? value : null;
}

function isEntry(value: unknown): value is JournalEntry {
  if (typeof value !== "object" || value === null) return false;
  const { path, sha256, size, step, epoch, metrics } = value as Readonly<Record<keyof JournalEntry, unknown>>;
  const isDigest = typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256);
  const isNamed = typeof path === "string" && basename(path) === path;
  const hasNumbers = [size, step, epoch].every((number) => typeof number === "number");
  return isDigest && isNamed && hasNumbers && typeof metrics === "object" && metrics !== null;
}

/**
 * What the journal beside a file has against it: all of its bytes are compared, also those that no record's checksum
 * covers. null when the file is as it was saved, or the journal does not know it. A line is written before its file takes
 * its name, so a file may be as any of its lines says, not only as the last one.
 */
export async function compareWithJournal(path: string, files?: FileOperations): Promise<Problem | null> {
  const name = basename(path);
  const entries = (await readJournal(dirname(path), files)).filter((entry) => entry.path === name);
  if (entries.length === 0) return null;
  const source = await openFile(path, files === undefined ? {} : { files });
  try {
    const { byteLength } = source;
    const sizes = new Set(entries.map(({ size }) => size));
    if (!sizes.has(byteLength))
      return problem(`it has ${byteLength} bytes, and was saved with ${[...sizes].join(" or ")}`);
    const hash = createHash("sha256");
    for await (const chunk of rangeChunks(source, 0, byteLength)) hash.update(chunk);
    const sha256 = hash.digest("hex");
    if (entries.some((entry) => entry.sha256 === sha256)) return null;
    const saved = entries.at(-1)?.sha256 ?? "";
    return problem(`its SHA-256 is ${sha256}, and that of what was saved is ${saved}`);
  } finally {
    await source.close();
  }
}

function problem(what: string): Problem {
  return {
    code: "checkpoint.malformed",
    message: `it is not what ${JOURNAL_NAME} beside it says: ${what}`,
    hint: `if it was changed on purpose, remove its lines from ${JOURNAL_NAME}`,
    record: null,
    offset: null,
    paths: [],
  };
}
