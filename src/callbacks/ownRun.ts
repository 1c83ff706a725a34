import { dirname, resolve } from "node:path";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { TrainerState } from "../core/trainerState.js";
import { isSameFile } from "../io/textFile.js";
import { liesIn } from "./relocateState.js";

/**
 * Whether what a run goes on from is its own, and not a copy: it lies in `folder`, among the files that its state speaks
 * of, or was written by a run that logged where this one does. What another run wrote is never removed or replaced.
 */
export async function isOwnRun(
  { ckptPath, loggers }: TrainerState,
  folder: string,
  { ltrain }: Checkpoint,
): Promise<boolean> {
  if (ckptPath === null || liesIn(resolve(folder), resolve(ckptPath))) return true;
  if (await isSameFile(dirname(ckptPath), folder)) return true;
  const written = ltrain?.get("log_dir");
  if (typeof written !== "string" || written === "") return false;
  return loggers.some(({ logDir }) => logDir !== null && resolve(logDir) === resolve(written));
}
