import { readFileSync } from "node:fs";
import { Command } from "commander";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { addCompletion, addInit, addSchema } from "./configCommands.js";
import { addDiff } from "./diffCommand.js";
import { addExport, addPredict, addTest, addValidate } from "./evaluateCommands.js";
import { addInspect } from "./inspectCommand.js";
import { addExamples } from "./examples.js";
import { splitOverrides } from "./overrides.js";
import { addPlot, addReport, addRuns } from "./runCommands.js";
import type { ResumeArguments } from "./resume.js";
import { addConvert, addExtract, addSanitize } from "./rewriteCommands.js";
import type { RunOptions } from "./runOptions.js";
import { addRunOptions, addStopOptions, refuseUnknownOptions } from "./runOptions.js";
import { addVerify } from "./verifyCommand.js";

/**
 * The ltrain program; `done` hears the exit code of the command that ran. Each command is loaded when it is asked for,
 * and where `only` names one, only that one is described: the options of all of them take milliseconds to set up.
 */
export function createProgram(terminal: Terminal, done: (exitCode: number) => void, only?: string): Command {
  const program = new Command("ltrain")
    .description("PyTorch Lightning's training run and checkpoint, without Python")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    // main looks for these; commander takes them anywhere
    .option("-v, --verbose", "tell on stderr which files, settings and devices are used, and what takes how long")
    .option("--debug", "show the stack of a failure")
    .option("--color", "colours, also into a file or a pipe (NO_COLOR and FORCE_COLOR are heeded)")
    .option("--no-color", "no colours")
    .configureOutput({
      writeOut: (text) => {
        terminal.stdout.write(text);
      },
      writeErr: (text) => {
        terminal.stderr.write(text);
      },
      outputError: () => undefined, // told once, by reportError
      getOutHelpWidth: () => terminal.stdout.columns,
      getErrHelpWidth: () => terminal.stderr.columns,
      getOutHasColors: () => terminal.stdout.hasColor,
      getErrHasColors: () => terminal.stderr.hasColor,
    })
    // an absent flag is false: no need to say
    .configureHelp({ optionDescription: ({ description }) => description, showGlobalOptions: true })
    .exitOverride()
    .showSuggestionAfterError(true)
    .addHelpText("after", EXIT_CODES);
  const add = only === undefined ? undefined : COMMANDS.get(only);
  for (const addCommand of add === undefined ? COMMANDS.values() : [add]) addCommand(program, terminal, done);
  program.commands.forEach(addQuiet);
  program.commands.forEach(addExamples);
  return program;
}

/** main heeds it for every command; those that have it themselves say less in other ways, too. */
function addQuiet(command: Command): void {
  if (command.options.some(({ long }) => long === "--quiet")) return;
  command.option("-q, --quiet", "nothing on stderr but failures", false);
}

/** Whether a word is the name of a command. */
export function isCommand(word: string): boolean {
  return COMMANDS.has(word);
}

type AddCommand = (program: Command, terminal: Terminal, done: (exitCode: number) => void) => void;

/** In the order of the help. */
const COMMANDS: ReadonlyMap<string, AddCommand> = new Map([
  ["train", addTrain],
  ["resume", addResume],
  ["validate", addValidate],
  ["test", addTest],
  ["predict", addPredict],
  ["export", addExport],
  ["inspect", addInspect],
  ["extract", addExtract],
  ["convert", addConvert],
  ["sanitize", addSanitize],
  ["verify", addVerify],
  ["diff", addDiff],
  ["runs", addRuns],
  ["plot", addPlot],
  ["report", addReport],
  ["init", addInit],
  ["schema", addSchema],
  ["doctor", addDoctor],
  [
    "completion",
    (...given) => {
      const [, terminal, done] = given;
      addCompletion(...given, () => createProgram(terminal, done));
    },
  ],
]);

const EXIT_CODES = `
Exit codes: 0 done, 1 training failed, 2 usage or config, 3 file not what it should be, 4 not there,
5 does not fit together, 6 refused by the operating system, 70 a fault of ltrain, 75 stopped early and resumable,
130 and 143 interrupted`;

function addTrain(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  const train = program
    .command("train")
    .description("train what a config describes; any key can be overridden: --trainer.max_epochs 3 --model.lr 1e-3")
    .usage("--config FILE [options] [--key.of.config VALUE ...]")
    .option("--dry-run", "try a few batches, forecast time, memory and disk, and write nothing", false);
  addStopOptions(addRunOptions(train)).action(async (options: RunOptions) => {
    const { overrides, words } = splitOverrides(train.args);
    if (words[0] !== undefined) {
      throw new LtrainError("usage.invalid", `train takes no argument "${words[0]}"`, {
        hint: /\.ya?ml$|\.json$/.test(words[0]) ? `did you mean --config ${words[0]}?` : "see ltrain train --help",
      });
    }
    refuseUnknownOptions(overrides, train);
    const { runTrain } = await import("./train.js");
    done(await runTrain({ ...options, overrides }, terminal));
  });
}

function addResume(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  const resume = program
    .command("resume")
    .description("go on with a run where its checkpoint left it; the config is in the checkpoint")
    .usage("[CKPT or run folder] [options] [--key.of.config VALUE ...]");
  addStopOptions(addRunOptions(resume))
    .option("--plan", "show what would be restored, what has changed and what comes next, and do nothing")
    .option("--allow-data-change", "go on with training data that is not what it was");
  resume.action(async (options: Omit<ResumeArguments, "ckpt" | "overrides">) => {
    const { overrides, words } = splitOverrides(resume.args);
    if (words.length > 1) {
      throw new LtrainError("usage.invalid", `resume takes one checkpoint or folder, and got ${words.join(", ")}`);
    }
    refuseUnknownOptions(overrides, resume);
    const { runResume } = await import("./resume.js");
    const ckpt = words[0] === undefined ? {} : { ckpt: words[0] };
    done(await runResume({ ...options, ...ckpt, overrides }, terminal));
  });
}

function addDoctor(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  program
    .command("doctor")
    .description("show every engine and device, whether it can be used here, and what would change that")
    .option("--json", "everything as one JSON object", false)
    .action(async ({ json }: { json: boolean }) => {
      const { runDoctor } = await import("./doctor.js");
      done(await runDoctor({ json, version: packageVersion() }, terminal));
    });
}

/** ltrain's own version. */
export function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
