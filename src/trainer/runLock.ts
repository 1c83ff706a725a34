import { relative, resolve, sep } from "node:path";
import { ModelCheckpoint } from "../callbacks/modelCheckpoint.js";
import type { Callback } from "../core/callback.js";
import type { TrainerState } from "../core/trainerState.js";
import type { FolderLock } from "../io/folderLock.js";
import { lockFolder } from "../io/folderLock.js";
import { removeStaleTemporaries } from "../io/staleTemporaries.js";

/**
 * Keep every other run out of the folders this one writes in, until it is released: the loggers' and those of
 * checkpoints that lie elsewhere. Known once the callbacks are set up.
 */
export async function lockRun(trainer: TrainerState, callbacks: readonly Callback[]): Promise<() => Promise<void>> {
  const locks: FolderLock[] = [];
  const release = async (): Promise<void> => {
    for (const lock of locks.splice(0)) await lock.release();
  };
  try {
    for (const folder of foldersOf(trainer, callbacks)) {
      locks.push(await lockFolder(folder));
      await removeStaleTemporaries(folder, ""); // of whatever a run that was killed was writing here
    }
  } catch (error) {
    await release();
    throw error;
  }
  return release;
}

/** In one order everywhere, so that two runs with several folders cannot each hold what the other one waits for. */
function foldersOf(trainer: TrainerState, callbacks: readonly Callback[]): string[] {
  if (trainer.fastDevRun) return [];
  const given = [
    ...trainer.loggers.map(({ logDir }) => logDir),
    ...callbacks.map((callback) => (callback instanceof ModelCheckpoint ? callback.dirpath : null)),
  ];
  const folders = [...new Set(given.flatMap((folder) => (folder === null || folder === "" ? [] : [resolve(folder)])))];
  return folders.filter((folder) => !folders.some((other) => isInside(folder, other))).sort();
}

function isInside(folder: string, other: string): boolean {
  const inner = relative(other, folder);
  return inner !== "" && inner !== ".." && !inner.startsWith(`..${sep}`) && resolve(inner) !== inner;
}
