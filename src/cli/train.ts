import type { ConfigOption } from "../config/loadConfig.js";
import { loadConfig } from "../config/loadConfig.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import type { FitSetup } from "./fit.js";
import { runFit } from "./fit.js";
import type { TrainArguments } from "./runOptions.js";
import { showConfig } from "./shownConfig.js";

/** `ltrain train`: a config becomes a run. Gives the exit code. */
export async function runTrain(args: TrainArguments, terminal: Terminal): Promise<number> {
  if (args.config.length === 0 && args.overrides.length === 0) {
    throw new LtrainError("usage.invalid", "there is no config to train", {
      hint: "ltrain train --config configs/mnist-autoencoder.yaml",
    });
  }
  const resolved = await loadConfig({
    files: args.config,
    options: [...commandOptions(args), ...ckptOption(args)],
    overrides: args.overrides,
  });
  if (args.printConfig) {
    showConfig(resolved.config, args, terminal);
    return 0;
  }
  const ckptPath = resolved.config.ckpt_path;
  if (args.dryRun === true) {
    const { runDry } = await import("./dryRun.js");
    return runDry(resolved, { json: args.json, quiet: args.quiet, ckptPath }, terminal);
  }
  return runFit(resolved, { ...fitSetup(args), ckptPath }, terminal);
}

/** How the run is told. */
export function fitSetup({ json, quiet, dumpGraph, requeue, grace }: TrainArguments): FitSetup {
  return {
    json,
    quiet,
    ...(dumpGraph === undefined ? {} : { dumpGraph }),
    ...(requeue === undefined ? {} : { requeue }),
    ...(grace === undefined ? {} : { grace }),
  };
}

/** The command's options that stand for keys of the config. */
export function commandOptions(args: TrainArguments): ConfigOption[] {
  return [
    option("--seed-everything", ["seed_everything"], args.seedEverything),
    option("--engine", ["trainer", "engine"], args.engine),
    option("--accelerator", ["trainer", "accelerator"], args.accelerator),
    option("--precision", ["trainer", "precision"], args.precision),
  ].flat();
}

function ckptOption(args: TrainArguments): ConfigOption[] {
  return option("--ckpt-path", ["ckpt_path"], args.ckptPath);
}

function option(name: string, path: readonly string[], value: string | number | undefined): ConfigOption[] {
  return value === undefined ? [] : [{ text: `${name} ${value}`, path, value: String(value) }];
}
