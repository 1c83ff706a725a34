import { resolve } from "node:path";
import type { TrainerState } from "../core/trainerState.js";
import { removeStaleTemporaries } from "../io/staleTemporaries.js";
import { listFolder } from "../io/textFile.js";

/** A run begins to save in a folder: what a killed one left half-written there goes, and where it `saves`, files of others are told of. */
export async function enterFolder(trainer: TrainerState, folder: string, saves: boolean): Promise<void> {
  await removeStaleTemporaries(folder, ".ckpt");
  const isResumedHere = trainer.ckptPath !== null && resolve(trainer.ckptPath, "..") === resolve(folder);
  if (!saves || isResumedHere || (await listFolder(folder)).length === 0) return;
  trainer.warn(`checkpoint folder ${folder} exists and is not empty`);
}
