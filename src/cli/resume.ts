import { basename, dirname, resolve } from "node:path";
import type { RunFolder } from "../config/classEntry.js";
import type { Config } from "../config/config.js";
import { kindOfChange } from "../config/changeKinds.js";
import { configChanges, describeChange } from "../config/configChanges.js";
import { display } from "../config/userModule.js";
import type { Terminal } from "../io/console.js";
import { removeStaleTemporaries } from "../io/staleTemporaries.js";
import type { CheckpointStart } from "./checkpointConfig.js";
import { configOfCheckpoint, readCheckpointStart } from "./checkpointConfig.js";
import { moreOf, runFit } from "./fit.js";
import { writeEvent } from "./jsonEvents.js";
import { isFinished } from "./reachedLimits.js";
import { newestRunRoot } from "./runRoot.js";
import { planText } from "./planText.js";
import { jsonDocument } from "./jsonWriter.js";
import type { PlanParts } from "./resumePlan.js";
import { planResume, refusalOf } from "./resumePlan.js";
import { commandLine } from "./shellWords.js";
import { showConfig } from "./shownConfig.js";
import { findSoundCheckpoint } from "./soundCheckpoint.js";
import type { TrainArguments } from "./runOptions.js";
import { fitSetup } from "./train.js";
import { plural } from "./units.js";

/** What the command line gives `resume`. */
export interface ResumeArguments extends TrainArguments {
  /** A checkpoint, a run folder, or nothing: the newest run. */
  readonly ckpt?: string;
  /** Show what would be done, and do nothing. */
  readonly plan?: boolean;
  /** Go on with training data that has changed. */
  readonly allowDataChange?: boolean;
}

/** `ltrain resume`: the run in a checkpoint goes on where it stopped. Gives the exit code. */
export async function runResume(args: ResumeArguments, terminal: Terminal): Promise<number> {
  const path = args.ckpt ?? args.ckptPath ?? (await newestRunRoot(args));
  const found = await findSoundCheckpoint(path, terminal);
  const start = await readCheckpointStart(found.path);
  const resolved = await configOfCheckpoint(args, start, "resume");
  if (args.printConfig) {
    showConfig(resolved.config, args, terminal);
    return 0;
  }
  const say = (line: string): void => {
    if (!args.quiet) terminal.stderr.write(`${line}\n`);
  };
  const runFolder = start.config === null ? undefined : ownRunFolder(start.path, resolved.config, start.config);
  if (args.plan === true) {
    const isDone = isFinished(start, resolved);
    return showPlan({ found, start, resolved, runFolder, isFinished: isDone }, args, terminal);
  }
  if (start.config !== null) tellChanges(start.config, resolved.config, say);
  if (isFinished(start, resolved)) {
    tellFinished(start, resolved.config, args, terminal);
    if (runFolder !== undefined) await sweep(dirname(resolve(start.path)));
    return 0;
  }
  const setup = {
    ...fitSetup(args),
    ckptPath: start.path,
    isVerified: true,
    allowDataChange: args.allowDataChange ?? false,
    ...(runFolder === undefined ? {} : { runFolder }),
  };
  return runFit(resolved, setup, terminal);
}

/** `--plan`: what would be done; what cannot be done is the error it would be. */
async function showPlan(
  parts: PlanParts,
  { json, allowDataChange }: ResumeArguments,
  terminal: Terminal,
): Promise<number> {
  const plan = await planResume(parts, allowDataChange ?? false);
  terminal.stdout.write(json ? jsonDocument(plan, 2) : planText(plan));
  const refusal = refusalOf(plan);
  if (refusal !== null) throw refusal;
  return 0;
}

/** What goes on differently from before; what the checkpoint decides anyway is said too. */
function tellChanges(before: Readonly<Record<string, unknown>>, after: Config, say: (line: string) => void): void {
  const changes = configChanges({ ...before, ckpt_path: null }, { ...after, ckpt_path: null });
  for (const change of changes) {
    const note = kindOfChange(change) === "harmless" ? "" : " (changes the mathematics)";
    say(`changed  ${describeChange(change)}${note}`);
  }
  if (changes.some(({ key }) => /^(model|optimizer|lr_scheduler)\.init_args\./.test(key))) {
    say("note: optimizer and scheduler state, learning rates included, are restored from the checkpoint");
  }
}

function tellFinished(start: CheckpointStart, config: Config, args: ResumeArguments, terminal: Terminal): void {
  const reached = { epochs: start.epochs, globalStep: start.globalStep };
  const counts = `${plural(reached.epochs, "epoch")}, ${plural(reached.globalStep, "step")}`;
  const files = args.config.flatMap((file) => ["--config", file]);
  const command = commandLine("ltrain", "resume", display(start.path), ...files, ...moreOf(config, reached));
  terminal.stderr.write(`nothing is left to train: ${display(start.path)} is at the limit (${counts})\n`);
  terminal.stderr.write(`to go on longer: ${command}\n`);
  if (!args.json) return;
  writeEvent(terminal.stdout, {
    event: "fit_end",
    global_step: reached.globalStep,
    epochs: reached.epochs,
    seconds: 0,
    steps_per_second: null,
    time_shares: null,
    stop_reason: "nothing is left to train",
    best_model_path: null,
    last_checkpoint_path: start.path,
    metrics: {},
  });
}

/** What a kill in the run's very last write left half-written: no run will start there any more that would remove it. */
async function sweep(checkpoints: string): Promise<void> {
  await removeStaleTemporaries(checkpoints, "");
  await removeStaleTemporaries(dirname(checkpoints), "");
}

/**
 * The folder of the run a checkpoint of ours lies in (`<root>/<name>/version_N/checkpoints/x.ckpt`), to go on there.
 * A file that was taken elsewhere, or a run that is to write elsewhere, has none: it opens a new version.
 */
function ownRunFolder(path: string, config: Config, before: Readonly<Record<string, unknown>>): RunFolder | undefined {
  const checkpoints = dirname(resolve(path));
  const run = dirname(checkpoints);
  const version = /^version_(\d+)$/.exec(basename(run));
  if (basename(checkpoints) !== "checkpoints" || version === null) return undefined;
  const family = dirname(run);
  const rootDir = config.trainer["default_root_dir"];
  const rootBefore = (before["trainer"] as Config["trainer"] | undefined)?.["default_root_dir"];
  if (rootDir !== rootBefore && typeof rootDir === "string" && resolve(rootDir) !== dirname(family)) return undefined;
  return { saveDir: dirname(family), name: basename(family), version: Number(version[1]) };
}
