import { checkpointFolderAt } from "../checkpoint/checkpointFolder.js";
import type { CheckpointCandidate } from "../checkpoint/checkpointCandidates.js";
import { searchCheckpoints } from "../checkpoint/findCheckpoints.js";
import { loadCheckpoint } from "../checkpoint/loadCheckpoint.js";
import { lacksForResume } from "../checkpoint/trainingState.js";
import type { Verification } from "../checkpoint/verification.js";
import { verifyCheckpoint } from "../checkpoint/verifyCheckpoint.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { isUrl } from "../io/location.js";
import { fileExists, statusOf } from "../io/textFile.js";
import { ByteProgress } from "./byteProgress.js";
import { printable } from "./printable.js";
import { plural } from "./units.js";

/** A checkpoint that was passed over, and why. */
export interface PassedOver {
  readonly path: string;
  readonly reason: string;
}

/** A checkpoint of which every byte was found to be right. */
export interface SoundCheckpoint {
  readonly path: string;
  readonly verification: Verification;
  readonly passedOver: readonly PassedOver[];
}

/**
 * The checkpoint to resume from: the file that is named, once it is verified, or the newest sound one of a run. What is
 * passed over is told, and stays where it is.
 */
export async function findSoundCheckpoint(path: string, terminal: Terminal): Promise<SoundCheckpoint> {
  const isOne = isUrl(path) || (await fileExists(path)) || (await checkpointFolderAt(path)) !== undefined;
  if (isOne) {
    const verification = await verify(path, terminal);
    const problem = verification.problems[0];
    if (problem === undefined) return { path, verification, passedOver: [] };
    throw new LtrainError(problem.code, `${withPath(path, problem.message)}; it is not resumed from`, {
      hint: "name the run's folder instead, and its newest sound checkpoint is taken; ltrain verify shows all that is wrong",
    });
  }
  const { candidates, skipped } = await searchCheckpoints(path);
  const passedOver: PassedOver[] = [];
  const passOver = (each: PassedOver): void => {
    passedOver.push(each);
    terminal.stderr.write(`warning: passed over ${printable(each.path)}: ${printable(each.reason)}; it is kept\n`);
  };
  for (const { path: bad, reason } of skipped) passOver({ path: bad, reason });
  for (const candidate of candidates) {
    const verification = await verify(candidate.path, terminal);
    const problem = verification.problems[0];
    const reason = problem?.message.replace(`${candidate.path}: `, "") ?? (await lackOf(candidate));
    if (reason === null) {
      tell(candidate, passedOver, terminal);
      return { path: candidate.path, verification, passedOver };
    }
    passOver({ path: candidate.path, reason });
  }
  throw new LtrainError(
    "checkpoint.malformed",
    `none of ${plural(passedOver.length, "checkpoint")} under ${path} can be resumed from`,
    {
      hint: "ltrain verify shows all that is wrong with them",
    },
  );
}

async function verify(path: string, terminal: Terminal): Promise<Verification> {
  const total = isUrl(path) ? 0 : ((await statusOf(path))?.byteLength ?? 0);
  const progress = new ByteProgress(`verifying ${path}`, total, terminal.stderr);
  try {
    return await verifyCheckpoint(path, { heard: progress.add });
  } finally {
    progress.end();
  }
}

/** What a sound file has not that a resume needs; null when it has everything. */
async function lackOf({ path }: CheckpointCandidate): Promise<string | null> {
  const { checkpoint, close } = await loadCheckpoint(path);
  await close();
  const lacks = lacksForResume(checkpoint);
  return lacks.length === 0 ? null : `it cannot be resumed from: it has no ${lacks.join(", no ")}`;
}

function tell(
  { path, epoch, globalStep }: CheckpointCandidate,
  passedOver: readonly PassedOver[],
  terminal: Terminal,
): void {
  const which = passedOver.length === 0 ? "newest" : "newest sound one";
  terminal.stderr.write(`using ${printable(path)} (the ${which}: epoch ${epoch}, global step ${globalStep})\n`);
}

function withPath(path: string, message: string): string {
  return message.includes(path) ? message : `${path}: ${message}`;
}
