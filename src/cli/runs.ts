import { relative } from "node:path";
import type { JsonValue } from "../checkpoint/jsonValue.js";
import { jsonNumber } from "../checkpoint/jsonValue.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { isFolder } from "../io/textFile.js";
import { valueText } from "../plot/scale.js";
import { findRuns } from "../runs/findRuns.js";
import type { RunSurvey } from "../runs/surveyRun.js";
import { surveyRun } from "../runs/surveyRun.js";
import { SCHEMA_VERSION, writeJson } from "./jsonWriter.js";
import { writeTable } from "./table.js";
import { formatBytes, formatCount, formatDate, plural } from "./units.js";

/** What `runs` was asked for. */
export interface RunsOptions {
  readonly folder: string;
  readonly json: boolean;
}

/** `ltrain runs`: the runs below a folder, the newest first. Gives the exit code. */
export async function runRuns({ folder, json }: RunsOptions, terminal: Terminal): Promise<number> {
  if (!(await isFolder(folder))) throw new LtrainError("file.missing", `there is no folder ${folder}`);
  const found = await findRuns(folder);
  const runs: RunSurvey[] = [];
  for (const each of found) runs.push(await surveyRun(each));
  runs.sort((a, b) => b.date - a.date);
  if (json) {
    await writeJson(
      { schema_version: SCHEMA_VERSION, path: folder },
      { name: "runs", items: runs.map(runJson) },
      terminal.stdout,
    );
    return 0;
  }
  if (runs.length === 0) {
    terminal.stderr.write(`no runs under ${folder}: ltrain train --config FILE begins one\n`);
    return 0;
  }
  const rows = runs.map((run) => [
    relative(folder, run.path) || ".",
    run.state,
    run.best === null ? "" : `${run.best.name} ${valueText(run.best.value)}`,
    run.epochs === null ? "" : formatCount(run.epochs),
    run.globalStep === null ? "" : formatCount(run.globalStep),
    formatBytes(run.byteLength),
    formatDate(run.date),
  ]);
  const bytes = runs.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const total = [plural(runs.length, "run"), "", "", "", "", formatBytes(bytes), ""];
  const head = ["run", "state", "best", "epochs", "steps", "size", "started"];
  await writeTable({ head, rows, total, numeric: [3, 4, 5] }, terminal.stdout);
  return 0;
}

function runJson(run: RunSurvey): JsonValue {
  const { record } = run;
  return {
    path: run.path,
    state: run.state,
    reason: record?.reason ?? null,
    model: run.model,
    best: run.best === null ? null : { name: run.best.name, value: jsonNumber(run.best.value) },
    epochs: run.epochs,
    global_step: run.globalStep,
    bytes: run.byteLength,
    started: new Date(run.date).toISOString(),
    seconds: record?.seconds ?? null,
    best_model_path: record?.best_model_path ?? null,
    last_checkpoint_path: record?.last_checkpoint_path ?? null,
  };
}
