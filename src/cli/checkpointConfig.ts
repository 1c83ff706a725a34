import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { loadCheckpoint } from "../checkpoint/loadCheckpoint.js";
import { loopPosition } from "../checkpoint/loopPosition.js";
import type { ResolvedConfig } from "../config/loadConfig.js";
import { loadConfig } from "../config/loadConfig.js";
import { display } from "../config/userModule.js";
import { LtrainError } from "../errors.js";
import { toPlain } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import { commandLine } from "./shellWords.js";
import type { TrainArguments } from "./runOptions.js";
import { commandOptions } from "./train.js";

/** What a checkpoint says of its run, read before the run is made. */
export interface CheckpointStart {
  readonly path: string;
  /** The config it was trained with; null in a file that ltrain did not write. */
  readonly config: Readonly<Record<string, unknown>> | null;
  readonly lightningVersion: string | null;
  /** Epochs that are done. */
  readonly epochs: number;
  readonly globalStep: number;
}

/** Read what a checkpoint says of its run. */
export async function readCheckpointStart(path: string): Promise<CheckpointStart> {
  const loaded = await loadCheckpoint(path);
  try {
    const { checkpoint } = loaded;
    const config = checkpoint.ltrain?.get("config");
    return {
      path,
      config: config instanceof PyDict ? (toPlain(config) as Readonly<Record<string, unknown>>) : null,
      lightningVersion: checkpoint.lightningVersion,
      epochs: finishedEpochs(checkpoint),
      globalStep: checkpoint.globalStep,
    };
  } finally {
    await loaded.close();
  }
}

/**
 * Epochs that are done. `epoch` alone cannot tell: a file written at an epoch's end counts that epoch as processed only.
 * An epoch that max_steps cut short counts there too, and is not done: its last batch was not the last.
 */
function finishedEpochs(checkpoint: Checkpoint): number {
  if (checkpoint.loops === null) return checkpoint.epoch;
  const { epochsReady, epochsProcessed, batchesReady, isLastBatch } = loopPosition(checkpoint.loops);
  if (epochsProcessed === null) return checkpoint.epoch;
  const isCut = epochsProcessed === epochsReady && (batchesReady ?? 0) > 0 && isLastBatch === false;
  return isCut ? epochsProcessed - 1 : epochsProcessed;
}

/**
 * The config of a checkpoint's run: the one inside it, or the one that --config names, with the command line's overrides
 * on top. `command` is what the hint is to say where there is none.
 */
export async function configOfCheckpoint(
  args: TrainArguments,
  start: CheckpointStart,
  command: string,
): Promise<ResolvedConfig> {
  if (args.config.length === 0 && start.config === null) {
    const writer = start.lightningVersion === null ? "" : ` (Lightning ${start.lightningVersion} wrote it)`;
    throw new LtrainError("usage.invalid", `there is no config in ${display(start.path)}${writer}`, {
      hint: `say what to build: ${commandLine("ltrain", command, display(start.path), "--config", "FILE")}`,
    });
  }
  return loadConfig({
    files: args.config,
    ...(args.config.length > 0 || start.config === null
      ? {}
      : { embedded: { config: start.config, path: display(start.path) } }),
    options: commandOptions(args),
    overrides: args.overrides,
  });
}
