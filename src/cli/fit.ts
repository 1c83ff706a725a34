import type { RunFolder } from "../config/classEntry.js";
import type { Config } from "../config/config.js";
import type { Run } from "../config/instantiate.js";
import { instantiate } from "../config/instantiate.js";
import type { ResolvedConfig } from "../config/loadConfig.js";
import { display, userFailure } from "../config/userModule.js";
import { countFlops } from "../engine/countFlops.js";
import type { Terminal } from "../io/console.js";
import { detail } from "../io/details.js";
import { liveLineOf } from "../io/liveLine.js";
import type { FitResult } from "../trainer/fitResult.js";
import { initWeights } from "./initWeights.js";
import { JsonEvents, fitEnd, writeEvent } from "./jsonEvents.js";
import { coloredLine } from "./coloredLine.js";
import { compilationLine, NOTICED_MILLIS, tellCompilation } from "./compilationLine.js";
import { GraphDump } from "./graphDump.js";
import { graceAsked, isRequeueAsked } from "./schedulerSettings.js";
import { commandLine } from "./shellWords.js";
import type { SignalWatch } from "./signals.js";
import { RESUMABLE_EXIT_CODE, watchSignals } from "./signals.js";
import { StartReport } from "./startReport.js";
import { StopCheckpoint } from "./stopCheckpoint.js";
import { StrayFailure } from "./strayFailure.js";
import { plural } from "./units.js";

/** How a run is told, and where it starts from. */
export interface FitSetup {
  readonly json: boolean;
  readonly quiet: boolean;
  /** The checkpoint to go on from. */
  readonly ckptPath?: string | null;
  /** Whether every byte of it has been looked at. */
  readonly isVerified?: boolean;
  /** Whether training data that has changed since is only told. */
  readonly allowDataChange?: boolean;
  /** Where to write the engine's graphs. */
  readonly dumpGraph?: string;
  /** The folder of the run that is resumed. */
  readonly runFolder?: RunFolder;
  /** Whether a scheduler waits for exit code 75 when the run is stopped early. */
  readonly requeue?: boolean;
  /** Seconds that a scheduler gives from SIGTERM to SIGKILL. */
  readonly grace?: number;
}

/** Train a config to its end, or to the first Ctrl-C: what `train` and `resume` have in common. Gives the exit code. */
export async function runFit(resolved: ResolvedConfig, setup: FitSetup, terminal: Terminal): Promise<number> {
  const signals = watchSignals({ requeue: setup.requeue ?? isRequeueAsked(), grace: setup.grace ?? graceAsked() });
  const { stderr } = terminal;
  const say = (line: string): void => {
    // A progress bar may stand in the last line.
    if (!setup.quiet) liveLineOf(stderr).print(stderr.hasColor ? coloredLine(line) : line);
  };
  try {
    for (const note of resolved.notes) say(`note: ${note}`);
    const result = await fit(resolved, setup, terminal, signals, say);
    tellTimes(result);
    if (setup.json) writeEvent(terminal.stdout, fitEnd(result));
    for (const line of endLines(result, resolved.config, signals.received !== null)) say(line);
    // A scheduler that starts again what was stopped must not start what was done.
    const isDone = signals.exitCode === RESUMABLE_EXIT_CODE && result.stopReason !== signals.received;
    return isDone ? 0 : (signals.exitCode ?? 0);
  } catch (error) {
    throw userFailure(error, [
      resolved.model.config.class_path,
      resolved.data.config.class_path,
      ...callbackPaths(resolved),
    ]);
  } finally {
    signals.dispose();
  }
}

async function fit(
  resolved: ResolvedConfig,
  setup: FitSetup,
  terminal: Terminal,
  signals: SignalWatch,
  say: (line: string) => void,
): Promise<FitResult> {
  const report = new StartReport(say, () => run);
  const stray = new StrayFailure();
  const stopCheckpoint = new StopCheckpoint({
    isStopped: () => signals.received !== null || stray.hasCome,
    callbacks: () => run.trainer.options.callbacks,
  });
  let hasCompiled = false;
  const events = setup.json ? [new JsonEvents(terminal.stdout)] : [];
  const dump = setup.dumpGraph === undefined ? null : new GraphDump(setup.dumpGraph);
  const run: Run = instantiate(resolved, {
    ...(setup.quiet ? {} : { terminal }),
    showProgress: !setup.json,
    extraCallbacks: [report, ...events, stopCheckpoint],
    ...(setup.runFolder === undefined ? {} : { runFolder: setup.runFolder }),
    onCompile: (compilation) => {
      dump?.add(compilation);
      const flops = countFlops(compilation.graph);
      tellCompilation(compilation, flops);
      const isFirst = compilation.name === "trainingStep" && !hasCompiled;
      hasCompiled ||= isFirst;
      if (isFirst || compilation.milliseconds >= NOTICED_MILLIS) say(compilationLine(compilation, flops));
    },
    onWarning: (message) => {
      say(`warning: ${message}`);
    },
  });
  signals.onStop(
    (signal) => {
      if (run.trainer.stop(signal)) say(`${signal}: ending after this batch; once more to end at once`);
      else {
        say(`${signal}: training had not begun, there is nothing to save`);
        signals.exit();
      }
    },
    (signal) => {
      const newest = run.trainer.lastCheckpointPath ?? setup.ckptPath ?? null;
      say(
        `${signal}: the grace time is over, ending at once; ${newest === null ? "nothing has been saved" : "the newest checkpoint stays"}`,
      );
      for (const line of rescueLines(newest)) say(line);
    },
  );
  stray.listen((error) => {
    say(`failed outside of training: ${error}; ending after this batch`);
    run.trainer.stop(error);
  });
  try {
    await initWeights(run.module, resolved, setup.ckptPath ?? null, say);
    const result = await run.trainer.fit(run.module, run.datamodule, {
      ckptPath: setup.ckptPath ?? null,
      isVerified: setup.isVerified ?? false,
      allowDataChange: setup.allowDataChange ?? false,
    });
    stray.throw();
    if ((await dump?.end()) === false) say("warning: there is no graph to dump: this engine runs steps as they are");
    return result;
  } catch (error) {
    await dump?.end().catch(() => undefined); // what went wrong first is what is told
    for (const line of rescueLines(stopCheckpoint.path)) say(line);
    throw error;
  } finally {
    stray.dispose();
  }
}

/** What a step's time went into. */
function tellTimes({ timeShares }: FitResult): void {
  if (timeShares === null) return;
  const shares = Object.entries(timeShares).map(
    ([what, share]: [string, number]) => `${what} ${Math.round(share * 100)} %`,
  );
  detail("time", () => `of the training steps: ${shares.join(", ")}`);
}

/** Where a run that failed can be gone on with. */
function rescueLines(path: string | null): string[] {
  if (path === null) return [];
  return [`saved    ${display(path)}`, `resume   ${commandLine("ltrain", "resume", display(path))}`];
}

function callbackPaths(resolved: ResolvedConfig): string[] {
  return resolved.callbacks.map((callback) => callback.config.class_path);
}

/** What a run ends with: how it went, its files, and the commands that go on from them. */
export function endLines(result: FitResult, config: Config, interrupted: boolean): string[] {
  const speed = result.stepsPerSecond === null ? "" : `, ${result.stepsPerSecond.toFixed(1)} steps/s`;
  const counts = `${plural(result.epochs, "epoch")}, ${plural(result.globalStep, "step")}`;
  const lines = [
    `${interrupted ? "stopped " : "done    "} ${counts} in ${result.seconds.toFixed(1)} s${speed} (${result.stopReason})`,
  ];
  const { bestModelPath: best, lastCheckpointPath: last } = result;
  if (best !== "") lines.push(`best     ${display(best)}`);
  if (last !== "" && last !== best) lines.push(`last     ${display(last)}`);
  const newest = last === "" ? best : last;
  if (newest === "") return lines;
  const more = interrupted ? [] : moreOf(config, result);
  lines.push(`resume   ${commandLine("ltrain", "resume", display(newest), ...more)}`);
  lines.push(`inspect  ${commandLine("ltrain", "inspect", display(newest))}`);
  return lines;
}

/** The override that lets a finished run go on as long again. */
export function moreOf(config: Config, reached: { readonly epochs: number; readonly globalStep: number }): string[] {
  const { max_epochs: maxEpochs, max_steps: maxSteps } = config.trainer;
  const more: string[] = [];
  if (typeof maxSteps === "number" && maxSteps > -1 && reached.globalStep >= maxSteps) {
    more.push("--trainer.max_steps", String(2 * Math.max(reached.globalStep, 1)));
  }
  const limit = typeof maxEpochs === "number" ? maxEpochs : typeof maxSteps === "number" && maxSteps > -1 ? -1 : 1000;
  if (limit > -1 && reached.epochs >= limit) more.push("--trainer.max_epochs", String(2 * Math.max(reached.epochs, 1)));
  return more;
}
