import type { Command } from "commander";
import type { Terminal } from "../io/console.js";
import type { ExtractOptions } from "./extractOptions.js";

/** Hears the exit code of the command that ran. */
type Done = (exitCode: number) => void;

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** What commander makes of extract's options: all but the argument, under the option's own name. */
interface ExtractGiven extends Omit<ExtractOptions, "ckpt" | "prefixes"> {
  readonly prefix: readonly string[];
}

/** `ltrain extract`. */
export function addExtract(program: Command, terminal: Terminal, done: Done): void {
  program
    .command("extract")
    .description("write the tensors under a prefix, or chosen otherwise, to a file of their own")
    .argument("[ckpt]", "a file or folder; without it, the newest checkpoint of the runs under this folder")
    .option("--prefix <name>", "module whose keys are wanted, such as encoder. (repeatable)", collect, [])
    .option("--include <glob>", "keys that are wanted, such as '*.weight' (repeatable)", collect, [])
    .option("--exclude <glob>", "keys that are not (repeatable)", collect, [])
    .option("--key <path>", "another part of the file than state_dict, such as optimizer_states[0].state")
    .option("--strip-wrappers", "take _orig_mod., module., _forward_module. out of the names", false)
    .option("--strip-prefix", "take the prefix off the names, so that the module itself can load them", false)
    .option("--map <file>", "JSON or YAML of old names to new ones")
    .option("--rename <from=to>", "rename a tensor or a module, or /regex/=to (repeatable)", collect, [])
    .option("--add-prefix <name>", "put this in front of every name")
    .option("--dtype <dtype>", "floating-point tensors as float16, bfloat16 or float32")
    .option("-o, --output <file>", "where to, - for standard output; the extension decides the format")
    .option("--format <format>", "pt, ckpt, safetensors or npz")
    .option("--dry-run", "show what would be written, and write nothing", false)
    .option("--force", "replace an existing file, never the input", false)
    .option("--json", "what was written as one JSON object", false)
    .action(async (ckpt: string | undefined, { prefix, ...given }: ExtractGiven) => {
      const { runExtract } = await import("./extract.js");
      done(await runExtract({ ...given, ...(ckpt === undefined ? {} : { ckpt }), prefixes: prefix }, terminal));
    });
}

interface RewriteGiven {
  readonly output?: string;
  readonly format?: string;
  readonly allowLoss: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

/** `ltrain convert`. */
export function addConvert(program: Command, terminal: Terminal, done: Done): void {
  program
    .command("convert")
    .description("write all of a file in another format: pt, ckpt, safetensors, npz")
    .argument("<file>", "any file that inspect reads")
    .option("-o, --output <file>", "where to, - for standard output; the extension decides the format")
    .option("--format <format>", "pt, ckpt, safetensors or npz")
    .option("--allow-loss", "leave out, or change, what the format cannot hold", false)
    .option("--dry-run", "say what would be written and what would be lost, and write nothing", false)
    .option("--force", "replace an existing file, never the input", false)
    .option("--json", "what was written as one JSON object", false)
    .action(async (path: string, given: RewriteGiven) => {
      const { runConvert } = await import("./convert.js");
      done(await runConvert({ ...given, path }, terminal));
    });
}

/** `ltrain sanitize`. */
export function addSanitize(program: Command, terminal: Terminal, done: Done): void {
  program
    .command("sanitize")
    .description("rewrite a file so that torch.load(weights_only=True) accepts it; nothing in it is run")
    .argument("<file>", "any file that inspect reads")
    .option("-o, --output <file>", "where to, - for standard output (default: NAME.sanitized.EXT here)")
    .option("--dry-run", "list what would become plain data, and write nothing", false)
    .option("--force", "replace an existing file, never the input", false)
    .option("--json", "what was changed as one JSON object", false)
    .action(async (path: string, given: Omit<RewriteGiven, "format" | "allowLoss">) => {
      const { runSanitize } = await import("./sanitize.js");
      done(await runSanitize({ ...given, path }, terminal));
    });
}
