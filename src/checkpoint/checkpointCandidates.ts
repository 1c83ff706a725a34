import { basename, dirname } from "node:path";
import { LtrainError } from "../errors.js";
import type { FileOperations } from "../io/fileOperations.js";
import { statusOf } from "../io/textFile.js";
import type { Checkpoint } from "./checkpoint.js";
import type { JournalEntry } from "./checkpointJournal.js";
import { readJournal } from "./checkpointJournal.js";
import { loadCheckpoint } from "./loadCheckpoint.js";
import { loopPosition } from "./loopPosition.js";

/** A checkpoint of a run, by what it says of itself. */
export interface CheckpointCandidate {
  readonly path: string;
  readonly epoch: number;
  readonly globalStep: number;
}

/** A file of the same run that could not be read. */
export interface SkippedCheckpoint {
  readonly path: string;
  readonly reason: string;
  readonly error: LtrainError;
}

interface Candidate extends CheckpointCandidate {
  /** Epochs and batches that are done, which tell two files of one step apart. */
  readonly done: readonly number[];
  readonly modified: number;
  /** Number of the journal's last line about this file as it is; -1 where there is none. */
  readonly line: number;
}

/**
 * Checkpoints of one folder, the newest first. The journal knows in which order they were saved, also where a run went
 * back to an earlier step and on from there. A file that it does not know is newer only when it is further than the
 * journal's newest. Among those the file itself decides: step, epoch, what of the epoch is done; where all of that is
 * equal, when it was written.
 */
export async function checkpointCandidates(
  paths: readonly string[],
  files: FileOperations,
): Promise<{ readonly candidates: readonly CheckpointCandidate[]; readonly skipped: readonly SkippedCheckpoint[] }> {
  const journal = paths[0] === undefined ? [] : await readJournal(dirname(paths[0]), files);
  const read: Candidate[] = [];
  const skipped: SkippedCheckpoint[] = [];
  for (const path of paths) {
    try {
      read.push(await readCandidate(path, journal, files));
    } catch (error) {
      if (!(error instanceof LtrainError)) throw error;
      skipped.push({ path, reason: error.message.replace(`${path}: `, ""), error });
    }
  }
  const known = read.filter(({ line }) => line >= 0).sort((a, b) => b.line - a.line || preferName(a, b));
  const others = read.filter(({ line }) => line < 0).sort(newestFirst);
  const [newest] = known;
  const isAhead = (each: Candidate): boolean => newest === undefined || each.globalStep > newest.globalStep;
  const sorted = [...others.filter(isAhead), ...known, ...others.filter((each) => !isAhead(each))];
  const candidates = sorted.map(({ path, epoch, globalStep }) => ({ path, epoch, globalStep }));
  return { candidates, skipped };
}

async function readCandidate(
  path: string,
  journal: readonly JournalEntry[],
  files: FileOperations,
): Promise<Candidate> {
  const status = await statusOf(path, files);
  const { checkpoint, byteLength, close } = await loadCheckpoint(path, { files });
  await close();
  const { epoch, globalStep } = checkpoint;
  // The same name is written again and again: the line that counts is the last one that means this content.
  const line = journal.findLastIndex(
    (entry) => entry.path === basename(path) && entry.step === globalStep && entry.size === byteLength,
  );
  return { path, epoch, globalStep, done: doneIn(checkpoint), modified: status?.modified ?? 0, line };
}

function doneIn({ loops }: Checkpoint): number[] {
  if (loops === null) return [0, 0];
  const { epochsProcessed, batchesProcessed } = loopPosition(loops);
  return [epochsProcessed ?? 0, batchesProcessed ?? 0];
}

function newestFirst(a: Candidate, b: Candidate): number {
  const [first, second] = [a, b].map(({ globalStep, epoch, done, modified }) => [globalStep, epoch, ...done, modified]);
  for (const [i, value] of (second ?? []).entries()) {
    const difference = value - (first?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return preferName(a, b);
}

/** epoch=..., before last: the same moment under its telling name. */
function preferName(a: CheckpointCandidate, b: CheckpointCandidate): number {
  return basename(a.path) < basename(b.path) ? -1 : 1;
}
