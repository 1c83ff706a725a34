import { display } from "../config/userModule.js";
import type { Terminal } from "../io/console.js";
import type { EvaluateArguments } from "./evaluatedCheckpoint.js";
import { findEvaluated } from "./evaluatedCheckpoint.js";
import { runEvaluation } from "./evaluation.js";
import { writeEvent } from "./jsonEvents.js";
import { showConfig } from "./shownConfig.js";
import { renderTable } from "./table.js";

/** `ltrain validate` and `ltrain test`: the metrics that a run's module logs, as a table on stdout. Gives the exit code. */
export async function runEvaluate(
  verb: "validate" | "test",
  args: EvaluateArguments,
  terminal: Terminal,
): Promise<number> {
  const evaluated = await findEvaluated(args, verb, terminal);
  const { resolved, ckptPath } = evaluated;
  if (args.printConfig) {
    showConfig(resolved.config, args, terminal);
    return 0;
  }
  const started = performance.now();
  const end = await runEvaluation(evaluated, args, { logs: true }, terminal, async (run, say) => {
    const { trainer, module, datamodule } = run;
    const results = await trainer[verb](module, datamodule, { ckptPath });
    const rows = trainer.loggers.length > 0 && trainer.loggers.some(({ logDir }) => logDir !== null);
    if (rows && !trainer.fastDevRun) say(`logged   ${display(trainer.logDir)}`);
    return { results, batches: verb === "test" ? trainer.numTestBatches : trainer.numValidationBatches };
  });
  if ("exitCode" in end) return end.exitCode;
  const { results, batches } = end.result;
  if (args.json) {
    const seconds = (performance.now() - started) / 1000;
    writeEvent(terminal.stdout, { event: `${verb}_end`, ckpt_path: ckptPath, batches, seconds, results });
    return 0;
  }
  await printResults(verb, results, terminal);
  return 0;
}

/** A column for each loader, a row for each metric, by name as in Lightning. */
async function printResults(
  verb: string,
  results: readonly Readonly<Record<string, number>>[],
  { stdout, stderr }: Terminal,
): Promise<void> {
  const names = [...new Set(results.flatMap((metrics) => Object.keys(metrics)))].sort();
  if (names.length === 0) {
    stderr.write(results.length === 0 ? `there is nothing to ${verb}: no batches\n` : `${verb} logged no metrics\n`);
    return;
  }
  const head = [`${verb} metric`, ...results.map((_, i) => (results.length === 1 ? "value" : `loader ${i}`))];
  const rows = names.map((name) => [name, ...results.map((metrics) => numberText(metrics[name]))]);
  stdout.write(`${await renderTable({ head, rows, numeric: results.map((_, i) => i + 1) }, stdout)}\n`);
}

function numberText(value: number | undefined): string {
  if (value === undefined) return "";
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}
