import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import type { Terminal } from "../io/console.js";
import type { PlotOptions } from "./plot.js";
import type { ReportOptions } from "./report.js";

/** Add `ltrain plot`; what it does is loaded when it is asked for. */
export function addPlot(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  program
    .command("plot")
    .description("draw the loss and metrics of one or several runs, here or into a file")
    .argument("[runs...]", "runs' folders, folders of runs (the newest), metrics.csv files; none: the newest run here")
    .option("--metric <name>", "only this metric; globs as in val_* (repeatable)", collect, [])
    .option("--log", "logarithmic values", false)
    .option("--smooth <weight>", "smooth the curves as TensorBoard does, from 0 to below 1", parseWeight, 0)
    .option("-o, --output <file>", "write .svg, .png or .html instead")
    .option("--force", "replace the output file if it is there", false)
    .option("--json", "the curves' points as one JSON object", false)
    .addHelpText(
      "after",
      `
Examples:
  ltrain plot                                     the newest run below this folder
  ltrain plot lightning_logs/version_3 --metric '*loss*' --log
  ltrain plot runs/a runs/b --smooth 0.6 -o compare.svg`,
    )
    .action(async (runs: readonly string[], options: Omit<PlotOptions, "runs">) => {
      const { runPlot } = await import("./plot.js");
      done(await runPlot({ ...options, runs }, terminal));
    });
}

/** Add `ltrain report`; what it does is loaded when it is asked for. */
export function addReport(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  program
    .command("report")
    .description("write a run as one HTML page: curves, config, summary, checkpoints, weights; of several, compared")
    .argument("[runs...]", "runs' folders, or folders of runs (the newest); none: the newest run here")
    .option("-o, --output <file>", "where to write it", "report.html")
    .option("--metric <name>", "only this metric; globs as in val_* (repeatable)", collect, [])
    .option("--log", "logarithmic values", false)
    .option("--smooth <weight>", "smooth the curves as TensorBoard does, from 0 to below 1", parseWeight, 0)
    .option("--no-weights", "do not read the checkpoint's weights")
    .option("--force", "replace the output file if it is there", false)
    .option("--json", "what was written as one JSON object", false)
    .addHelpText(
      "after",
      `
Examples:
  ltrain report                                   the newest run below this folder
  ltrain report lightning_logs/version_3 -o run.html
  ltrain report runs/a runs/b --smooth 0.6`,
    )
    .action(async (runs: readonly string[], options: Omit<ReportOptions, "runs">) => {
      const { runReport } = await import("./report.js");
      done(await runReport({ ...options, runs }, terminal));
    });
}

/** Add `ltrain runs`; what it does is loaded when it is asked for. */
export function addRuns(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  program
    .command("runs")
    .description("list the runs below a folder: state, best metric, epochs, steps, size")
    .argument("[folder]", "where to look; none: here", ".")
    .option("--json", "the runs as one JSON object", false)
    .addHelpText(
      "after",
      `
Examples:
  ltrain runs
  ltrain runs lightning_logs --json | jq '.runs[] | select(.state == "failed").path'`,
    )
    .action(async (folder: string, { json }: { json: boolean }) => {
      const { runRuns } = await import("./runs.js");
      done(await runRuns({ folder, json }, terminal));
    });
}

/** Values of an option that may be repeated. */
function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** A weight of smoothing. */
export function parseWeight(text: string): number {
  const weight = Number(text);
  if (text.trim() !== "" && weight >= 0 && weight < 1) return weight;
  throw new InvalidArgumentError("it is a number from 0 (none) to below 1.");
}
