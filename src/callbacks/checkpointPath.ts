import { join } from "node:path";
import type { TrainerState } from "../core/trainerState.js";
import { fileExists } from "../io/textFile.js";
import { checkpointName, nameValues } from "./checkpointName.js";

/** How a moment's checkpoint is named. */
export interface PathOptions {
  readonly folder: string | null;
  readonly template: string | null;
  readonly insertNames: boolean;
  /** Whether a name that is taken gets `-v1`, `-v2` …; else what is there is replaced. */
  readonly countsVersions: boolean;
  /** A file that is about to go, whose name is free. */
  readonly replaced: string;
  /** A name that something else is about to have. */
  readonly taken: string;
}

/** The path of a checkpoint of this moment. */
export async function checkpointPath(trainer: TrainerState, options: PathOptions): Promise<string> {
  const { folder, template, insertNames, countsVersions, replaced, taken } = options;
  const { callbackMetrics, currentEpoch, globalStep } = trainer;
  const values = nameValues(callbackMetrics, { epoch: currentEpoch, step: globalStep });
  const name = checkpointName(template, values, insertNames);
  for (let version = 0; ; version += 1) {
    const path = join(folder ?? "", `${name}${version === 0 ? "" : `-v${version}`}.ckpt`);
    const isFree = path === replaced || !(await fileExists(path));
    if (!countsVersions || (isFree && path !== taken)) return path;
  }
}
