import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { LtrainError } from "../errors.js";
import { nearest } from "../nearest.js";
import { parseSeconds } from "./schedulerSettings.js";

/** What the command line gives `train`. */
export interface TrainArguments {
  /** Config files; a later one wins. */
  readonly config: readonly string[];
  readonly ckptPath?: string;
  readonly seedEverything?: string;
  readonly engine?: string;
  readonly accelerator?: string;
  readonly precision?: string;
  readonly printConfig: boolean;
  /** Whether only a few batches are tried, and nothing is written. */
  readonly dryRun?: boolean;
  /** Where to write the engine's graphs. */
  readonly dumpGraph?: string;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Exit with 75 when a signal stops the run early. */
  readonly requeue?: boolean;
  /** Seconds from SIGTERM after which it ends whatever is under way. */
  readonly grace?: number;
  /** The words that are no options of the command, in their order: `--trainer.max_epochs 3`. */
  readonly overrides: readonly string[];
}

/** The same without the words that are no options. */
export type RunOptions = Omit<TrainArguments, "overrides">;

/** The options of every command that makes a run of a config. */
export function addRunOptions(command: Command): Command {
  return command
    .option("--config <file>", "YAML or JSON config (repeatable, later ones win)", collect, [])
    .option("--ckpt-path <path>", "checkpoint to start from")
    .option("--seed-everything <n>", "seed of all random numbers")
    .option("--engine <name>", "auto, onnxruntime, tfjs or tfjs-node-gpu")
    .option("--accelerator <name>", "auto, cpu or gpu")
    .option("--precision <p>", "32-true, 16-mixed, bf16-mixed, 16-true or bf16-true")
    .option("--print-config", "print the resolved config and stop", false)
    .option("--dump-graph <file>", "write the graphs that the engine runs, as text")
    .option("--json", "one JSON event per line on stdout", false)
    .option("-q, --quiet", "nothing on stderr but failures", false)
    .allowUnknownOption()
    .allowExcessArguments();
}

/** What only runs have that can be gone on with. */
export function addStopOptions(command: Command): Command {
  return command
    .option("--requeue", "exit with 75 when a signal stops the run early, for a scheduler that starts it again")
    .option("--grace <seconds>", "end so long after SIGTERM, whatever is under way", parseGrace);
}

/** Config sections that LightningCLI takes as an option of their own: `--optimizer Adam`. */
const SECTIONS = ["--model", "--data", "--trainer", "--optimizer", "--lr_scheduler"];

/** A token with a dot is a key of the config, and the config knows whether it exists; the others are known here. */
export function refuseUnknownOptions(overrides: readonly string[], command: Command): void {
  for (const token of overrides) {
    const name = token.split("=", 1)[0] ?? token;
    if (!name.startsWith("--") || name.includes(".") || SECTIONS.includes(name)) continue;
    const known = [...command.options.map(({ long }) => long ?? ""), ...SECTIONS];
    const near = nearest(name, known);
    throw new LtrainError("usage.invalid", `unknown option ${name}`, {
      hint: near === undefined ? `see ltrain ${command.name()} --help` : `did you mean ${near}?`,
    });
  }
}

function parseGrace(text: string): number {
  const seconds = parseSeconds(text);
  if (seconds === null) throw new InvalidArgumentError("it is a number of seconds.");
  return seconds;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
