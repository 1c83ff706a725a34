import type { Command } from "commander";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { splitOverrides } from "./overrides.js";
import type { RunOptions } from "./runOptions.js";
import { addRunOptions, refuseUnknownOptions } from "./runOptions.js";

type Done = (exitCode: number) => void;

/** What `predict` was asked for beyond what every run is. */
interface PredictCommandOptions extends RunOptions {
  readonly output?: string;
  readonly format?: string;
  readonly input?: string;
  readonly key?: string;
  readonly force: boolean;
}

const USAGE = "[CKPT or run folder] [options] [--key.of.config VALUE ...]";

/** `ltrain validate`. */
export function addValidate(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command("validate")
    .description("print the metrics of a checkpoint on the validation data; the config is in the checkpoint")
    .usage(USAGE);
  addRunOptions(command).action(async (options: RunOptions) => {
    const { runEvaluate } = await import("./evaluate.js");
    done(await runEvaluate("validate", { ...options, ...words(command) }, terminal));
  });
}

/** `ltrain test`. */
export function addTest(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command("test")
    .description("print the metrics of a checkpoint on the test data; the config is in the checkpoint")
    .usage(USAGE);
  addRunOptions(command).action(async (options: RunOptions) => {
    const { runEvaluate } = await import("./evaluate.js");
    done(await runEvaluate("test", { ...options, ...words(command) }, terminal));
  });
}

/** `ltrain predict`. */
export function addPredict(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command("predict")
    .description("write what a checkpoint predicts, a row for each example, for the config's data or for --input")
    .usage(USAGE)
    .option("-o, --output <file>", "where to: .csv, .jsonl or .npy; - is standard output, which is also the default")
    .option("--format <format>", "csv, jsonl or npy, where the name does not say it")
    .option(
      "--input <path>",
      "what to predict: a .csv or .npy file, an image or a folder of images (PNG, JPEG, PGM, PPM)",
    )
    .option("--key <name>", "one of several outputs of predictStep: logits, or parts.0")
    .option("--force", "replace a file that is there", false);
  addRunOptions(command).action(async (options: PredictCommandOptions) => {
    const { runPredict } = await import("./predict.js");
    done(await runPredict({ ...options, ...words(command) }, terminal));
  });
}

/** What `export` was asked for beyond what every run is. */
interface ExportCommandOptions extends RunOptions {
  readonly output?: string;
  readonly format?: string;
  readonly batchSize?: string;
  readonly inputShape?: string;
  readonly inputDtype?: string;
  readonly inputNames?: string;
  readonly outputNames?: string;
  readonly force: boolean;
}

/** `ltrain export`. */
export function addExport(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command("export")
    .description(
      "write a trained module as a model for other programs: ONNX or TensorFlow.js with any batch size, checked, or safetensors",
    )
    .usage(USAGE)
    .option("--format <format>", "onnx, tfjs or safetensors (onnx)")
    .option("-o, --output <path>", "where to; without it, beside the checkpoint; - for standard output")
    .option("--batch-size <n>", "one batch size instead of any")
    .option("--input-shape <sizes>", "what the model takes, without the batch, where no data says it: 784 or 1,28,28")
    .option("--input-dtype <dtype>", "with --input-shape: float32, int64 or bool (float32)")
    .option("--input-names <names>", "what the model's inputs are called, with commas between")
    .option("--output-names <names>", "what its outputs are called")
    .option("--force", "replace a file that is there", false);
  addRunOptions(command).action(async (options: ExportCommandOptions) => {
    const { runExport } = await import("./export.js");
    done(await runExport({ ...options, ...words(command) }, terminal));
  });
}

/** The words of the command line that are no options: a checkpoint, and keys of the config with their values. */
function words(command: Command): { readonly ckpt?: string; readonly overrides: readonly string[] } {
  const { overrides, words: found } = splitOverrides(command.args);
  if (found.length > 1) {
    throw new LtrainError(
      "usage.invalid",
      `${command.name()} takes one checkpoint or folder, and got ${found.join(", ")}`,
    );
  }
  refuseUnknownOptions(overrides, command);
  return { ...(found[0] === undefined ? {} : { ckpt: found[0] }), overrides };
}
