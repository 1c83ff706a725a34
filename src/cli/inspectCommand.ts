import type { Command } from "commander";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { globPattern, regexPattern } from "../checkpoint/namePattern.js";
import type { InspectOptions } from "./inspection.js";

interface Given {
  readonly keys: boolean;
  readonly tree: boolean;
  readonly key?: string;
  readonly values: boolean;
  readonly precision?: string;
  readonly edgeItems?: string;
  readonly filter: readonly string[];
  readonly regex: readonly string[];
  readonly stats: boolean;
  readonly sizes: boolean;
  readonly globals: boolean;
  readonly sha256: boolean;
  readonly sort?: string;
  readonly reverse: boolean;
  readonly json: boolean;
}

/** Add `ltrain inspect` to the program; what it does is loaded when it is asked for. */
export function addInspect(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
  program
    .command("inspect")
    .description("show what is inside a checkpoint; nothing in it is run. A folder is a table of its checkpoints")
    .argument("<path>", "a file, a folder or an https:// address; views of one file take a folder's newest")
    .option("--keys", "every key of the state_dict: dtype, shape, parameters, size", false)
    .option("--tree", "everything in the file as a tree", false)
    .option("--key <path>", "one value: hyper_parameters.lr, optimizer_states[0].param_groups[0], a state_dict key")
    .option("--values", "with --key: the tensor's numbers, as torch prints them", false)
    .option("--precision <n>", "with --values: digits after the point (4)")
    .option("--edge-items <n>", "with --values: numbers at each end of a long axis (3)")
    .option("--filter <glob>", "tensors of the whole file whose key or path fits (repeatable)", collect, [])
    .option("--regex <pattern>", "the same with a regular expression (repeatable)", collect, [])
    .option("--stats", "min, max, mean, std, L2, zeros, NaN and Inf of every tensor", false)
    .option("--sizes", "bytes by section, and storages that are larger than what is used of them", false)
    .option("--globals", "classes and functions the pickle names, and what weights_only=True refuses", false)
    .option("--sha256", "digest of every tensor's bytes", false)
    .option("--sort <column>", "order of a folder's table: file, epoch, step, metric, size, date or state")
    .option("--reverse", "the other way round", false)
    .option("--json", "as one JSON object (docs/inspect.md)", false)
    .action(async (path: string, given: Given) => {
      const options = understand(path, given);
      const { runInspect } = await import("./inspect.js");
      done(await runInspect(options, terminal));
    });
}

function understand(path: string, given: Given): InspectOptions {
  const { precision, edgeItems, filter, regex, ...rest } = given;
  const needsKey = given.values ? "--values" : undefined;
  if (needsKey !== undefined && given.key === undefined) {
    throw new LtrainError("usage.invalid", `${needsKey} needs --key`, {
      hint: "for example --key state_dict.encoder.weight --values ; --stats sums up every tensor",
    });
  }
  return {
    ...rest,
    path,
    patterns: [...filter.map(globPattern), ...regex.map(regexPattern)],
    ...(precision === undefined ? {} : { precision: wholeNumber("--precision", precision, 0, 20) }),
    ...(edgeItems === undefined ? {} : { edgeItems: wholeNumber("--edge-items", edgeItems, 1, 1000) }),
  };
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new LtrainError("usage.invalid", `${option} is a whole number from ${least} to ${most}, and got "${text}"`);
}
