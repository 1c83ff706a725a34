import { basename, dirname, join } from "node:path";
import { loadCheckpoint } from "../checkpoint/loadCheckpoint.js";
import type { ResolvedConfig } from "../config/loadConfig.js";
import { loadConfig } from "../config/loadConfig.js";
import { display } from "../config/userModule.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { fileExists } from "../io/textFile.js";
import { PyDict } from "../pickle/values.js";
import { configOfCheckpoint, readCheckpointStart } from "./checkpointConfig.js";
import { locateCheckpoint } from "./locate.js";
import { newestRunRoot } from "./runRoot.js";
import type { TrainArguments } from "./runOptions.js";
import { commandOptions } from "./train.js";

/** What the command line gives `validate`, `test` and `predict`. */
export interface EvaluateArguments extends TrainArguments {
  /** A checkpoint, a run folder, or nothing. */
  readonly ckpt?: string;
}

/** What is evaluated: a config, and the weights it gets. */
export interface Evaluated {
  readonly resolved: ResolvedConfig;
  /** null: the weights that the seed gives. */
  readonly ckptPath: string | null;
  /** "epoch 3, step 1,200" of the checkpoint. */
  readonly globalStep: number;
}

/**
 * Find the checkpoint that is meant, and the config to build its module from: the one inside it, or --config. Without a
 * checkpoint and without a config it is the newest run; with a config alone its ckpt_path, or no checkpoint at all.
 */
export async function findEvaluated(args: EvaluateArguments, command: string, terminal: Terminal): Promise<Evaluated> {
  const byName = args.ckptPath === "best" || args.ckptPath === "last" ? args.ckptPath : null;
  if (args.ckpt !== undefined && args.ckptPath !== undefined && byName === null) {
    throw new LtrainError(
      "usage.invalid",
      `${command} of two checkpoints, ${args.ckpt} and --ckpt-path ${args.ckptPath}`,
      {
        hint: "name one of them; --ckpt-path best or last chooses one of a run folder",
      },
    );
  }
  const place = args.ckpt ?? (byName === null ? args.ckptPath : undefined);
  if (place === undefined && byName === null && args.config.length > 0) return withoutCheckpoint(args, terminal);
  const newest = await locateCheckpoint(place ?? (await newestRunRoot(args)), terminal);
  const path = byName === "best" ? await bestBeside(newest.path, terminal) : newest.path;
  const start = await readCheckpointStart(path);
  const resolved = await configOfCheckpoint(args, start, command);
  return { resolved, ckptPath: path, globalStep: start.globalStep };
}

async function withoutCheckpoint(args: EvaluateArguments, terminal: Terminal): Promise<Evaluated> {
  const resolved = await loadConfig({ files: args.config, options: commandOptions(args), overrides: args.overrides });
  const { ckpt_path: named } = resolved.config;
  if (named === null) return { resolved, ckptPath: null, globalStep: 0 };
  const { path } = await locateCheckpoint(named, terminal);
  return { resolved, ckptPath: path, globalStep: (await readCheckpointStart(path)).globalStep };
}

/** What the ModelCheckpoint of a checkpoint's run holds for the best, wherever its folder lies now. */
async function bestBeside(path: string, terminal: Terminal): Promise<string> {
  const { checkpoint, close } = await loadCheckpoint(path);
  try {
    for (const [key, state] of checkpoint.callbacks ?? new PyDict()) {
      const best = state instanceof PyDict ? state.get("best_model_path") : undefined;
      if (typeof key !== "string" || !key.startsWith("ModelCheckpoint") || typeof best !== "string" || best === "")
        continue;
      const here = join(dirname(path), basename(best));
      const found = (await fileExists(here)) ? here : best;
      if (!(await fileExists(found))) {
        throw new LtrainError("checkpoint.missing", `the best checkpoint of the run is gone: ${best}`, {
          hint: `name another one; ${display(path)} is the newest`,
        });
      }
      terminal.stderr.write(`using ${display(found)} (the best)\n`);
      return found;
    }
  } finally {
    await close();
  }
  throw new LtrainError("checkpoint.missing", `${display(path)} does not say which checkpoint of its run is the best`, {
    hint: "it was written without a ModelCheckpoint; name a file",
  });
}
