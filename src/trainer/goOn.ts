import { resolve, sep } from "node:path";
import type { Logger } from "../core/logger.js";
import type { DataLoader } from "../data/dataLoader.js";
import type { FitLoop } from "../loops/fitLoop.js";

/** Whether a logger writes where the checkpoint's run wrote: in the folder it names, or around the file itself. */
export function isSameRun(logger: Logger, ckptPath: string | null, logDir: string): boolean {
  if (logger.logDir === null) return false;
  const folder = resolve(logger.logDir);
  const isNamed = logDir !== "" && resolve(logDir) === folder;
  return isNamed || (ckptPath !== null && resolve(ckptPath).startsWith(folder + sep));
}

/**
 * In mid-epoch without a data position, as in Lightning's files: go past as many batches as were trained, which are
 * the same ones when the data is not shuffled. Lightning itself begins the pass again. Tells whether there were any.
 */
export function skipTrained(fitLoop: FitLoop, loader: DataLoader): boolean {
  const { completed } = fitLoop.epochLoop.batchProgress.current;
  if (!(fitLoop.resumePoint?.insideEpoch ?? false) || completed === 0) return false;
  fitLoop.batches = loader.iterate(loader.iterate().state(completed));
  return true;
}
