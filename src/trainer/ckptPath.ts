import { dirname, join } from "node:path";
import { ModelCheckpoint } from "../callbacks/modelCheckpoint.js";
import type { Callback } from "../core/callback.js";
import type { Stage } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { listFolder, statusOf } from "../io/textFile.js";

/** What a checkpoint is chosen from. */
export interface CkptChoice {
  readonly stage: Exclude<Stage, "sanityCheck">;
  readonly callbacks: readonly Callback[];
  /** The run's folder: ModelCheckpoint's files are in its `checkpoints` unless it says otherwise. */
  readonly logDir: string;
  readonly fastDevRun: boolean;
  readonly warn: (message: string) => void;
}

/** Lightning's names of saves by ModelCheckpoint(save_last): last.ckpt, last-v1.ckpt. */
const LAST = /^last(-(\d+))?.*\.ckpt$/;

/**
 * The file that "best" and "last" stand for, as in Lightning: the best of the first ModelCheckpoint, or the newest
 * last.ckpt in the folder of any. A path stands for itself. Without a last.ckpt there is none, and that is said.
 */
export async function chooseCkptPath(ckptPath: string | null, choice: CkptChoice): Promise<string | null> {
  if (ckptPath === "best") return bestPath(choice);
  return ckptPath === "last" ? lastPath(choice) : ckptPath;
}

function bestPath({ stage, callbacks, fastDevRun, warn }: CkptChoice): string {
  const [first, ...others] = callbacks.filter((callback) => callback instanceof ModelCheckpoint);
  if (first === undefined) {
    throw new LtrainError("config.invalid", `${stage} of the best checkpoint: there is no ModelCheckpoint`, {
      hint: "add one to the callbacks, or name a file",
    });
  }
  if (others.length > 0) warn("there are several ModelCheckpoints: the best checkpoint is that of the first");
  if (first.bestModelPath !== "") return first.bestModelPath;
  const reason = fastDevRun ? "fast_dev_run saves none" : "the ModelCheckpoint has saved none yet";
  throw new LtrainError("config.invalid", `${stage} of the best checkpoint: ${reason}`, {
    hint: "train first with the same trainer, or name a file",
  });
}

async function lastPath({ stage, callbacks, logDir, warn }: CkptChoice): Promise<string | null> {
  let newest: { readonly path: string; readonly modified: number } | null = null;
  for (const callback of callbacks) {
    if (!(callback instanceof ModelCheckpoint)) continue;
    const saved = callback.lastModelPath;
    const folder = callback.dirpath ?? (saved === "" ? join(logDir, "checkpoints") : dirname(saved));
    for (const { name, kind } of await listFolder(folder)) {
      if (kind !== "file" || !LAST.test(name)) continue;
      const path = join(folder, name);
      const modified = (await statusOf(path))?.modified ?? -Infinity;
      if (newest === null || modified > newest.modified) newest = { path, modified };
    }
  }
  if (newest !== null) return newest.path;
  warn(`${stage} of the last checkpoint: there is none, so none is loaded; ModelCheckpoint's save_last makes one`);
  return null;
}
