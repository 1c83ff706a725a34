import { Callback } from "../core/callback.js";
import type { TrainerState } from "../core/trainerState.js";
import type { Run } from "../config/instantiate.js";
import { instantiate } from "../config/instantiate.js";
import type { ResolvedConfig } from "../config/loadConfig.js";
import { display, userFailure } from "../config/userModule.js";
import { countFlops } from "../engine/countFlops.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { liveLineOf } from "../io/liveLine.js";
import { compilationLine, NOTICED_MILLIS, tellCompilation } from "./compilationLine.js";
import type { Evaluated, EvaluateArguments } from "./evaluatedCheckpoint.js";
import { GraphDump } from "./graphDump.js";
import { initWeights } from "./initWeights.js";
import { watchSignals } from "./signals.js";
import { formatCount } from "./units.js";

/** What a command makes of a run that trains nothing. */
export interface EvaluationSetup {
  /** false: no logger opens a folder. */
  readonly logs: boolean;
  /** false: no progress, because what is written would stand in its way. */
  readonly showsProgress?: boolean;
  readonly extraCallbacks?: readonly Callback[];
}

/** Says something to whoever looks on. */
export type Say = (line: string) => void;

/** A command that has come to its end: its result, or the exit code of the signal that ended it. */
export type EvaluationEnd<T> = { readonly result: T } | { readonly exitCode: number };

/** Build what is evaluated and run `body` on it; the first Ctrl-C ends it after the batch under way, without a result. */
export async function runEvaluation<T>(
  { resolved, ckptPath, globalStep }: Evaluated,
  args: EvaluateArguments,
  setup: EvaluationSetup,
  terminal: Terminal,
  body: (run: Run, say: Say) => Promise<T>,
): Promise<EvaluationEnd<T>> {
  const signals = watchSignals();
  const say: Say = (line) => {
    if (!args.quiet) liveLineOf(terminal.stderr).print(line); // a progress bar may stand in the last line
  };
  const dump = args.dumpGraph === undefined ? null : new GraphDump(args.dumpGraph);
  try {
    for (const note of resolved.notes) say(`note: ${note}`);
    const from = ckptPath === null ? "the weights as the seed gives them" : display(ckptPath);
    say(`from     ${from}${ckptPath === null ? "" : ` (step ${formatCount(globalStep)})`}`);
    const run = instantiate(withoutLogs(resolved, setup.logs), {
      ...(args.quiet ? {} : { terminal }),
      showProgress: !args.json && setup.showsProgress !== false,
      extraCallbacks: [new StartLine(say), ...(setup.extraCallbacks ?? [])],
      onCompile: (compilation) => {
        dump?.add(compilation);
        const flops = countFlops(compilation.graph);
        tellCompilation(compilation, flops);
        if (compilation.milliseconds >= NOTICED_MILLIS) say(compilationLine(compilation, flops));
      },
      onWarning: (message) => {
        say(`warning: ${message}`);
      },
    });
    signals.onStop((signal) => {
      say(`${signal}: ending after this batch; once more to end at once`);
      run.trainer.stop(signal);
    });
    await initWeights(run.module, resolved, ckptPath, say);
    const result = await body(run, say);
    if ((await dump?.end()) === false) say("warning: there is no graph to dump: this engine runs steps as they are");
    return { result };
  } catch (error) {
    await dump?.end().catch(() => undefined); // what went wrong first is what is told
    if (signals.exitCode !== null && error instanceof LtrainError && error.code === "run.stopped") {
      say(`stopped  ${error.message}`);
      return { exitCode: signals.exitCode };
    }
    const { model, data, callbacks } = resolved;
    throw userFailure(
      error,
      [model, data, ...callbacks].map(({ config }) => config.class_path),
    );
  } finally {
    signals.dispose();
  }
}

function withoutLogs(resolved: ResolvedConfig, logs: boolean): ResolvedConfig {
  return logs ? resolved : { ...resolved, loggers: [] };
}

/** Says what an evaluation runs on. */
class StartLine extends Callback {
  readonly #say: Say;

  constructor(say: Say) {
    super();
    this.#say = say;
  }

  override setup(trainer: TrainerState): void {
    const { engine, device } = trainer.executor;
    this.#say(`engine   ${engine} on ${device}`);
  }
}
