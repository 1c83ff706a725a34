import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { chartMetrics } from "../runs/chartMetrics.js";
import { compareConfigs } from "../runs/compareRuns.js";
import { locateRun, shortNames } from "../runs/locateRun.js";
import { readMetrics } from "../runs/metricTable.js";
import type { ReportedRun } from "../runs/reportData.js";
import { reportData } from "../runs/reportData.js";
import { reportPage } from "../runs/reportPage.js";
import { SCHEMA_VERSION, writeJson } from "./jsonWriter.js";
import { formatBytes, formatCount, formatDate, plural } from "./units.js";
import { refuseExisting, writeNewFile } from "./writeNewFile.js";

/** What `report` was asked for. */
export interface ReportOptions {
  readonly runs: readonly string[];
  readonly output: string;
  readonly metric: readonly string[];
  readonly log: boolean;
  readonly smooth: number;
  /** Whether to read the tensors of a checkpoint. */
  readonly weights: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

/** `ltrain report`: runs as one page. Gives the exit code. */
export async function runReport(options: ReportOptions, terminal: Terminal): Promise<number> {
  const { output, metric: metrics, log, smooth } = options;
  if (!/\.html?$/i.test(output)) {
    throw new LtrainError("argument.invalid", `a report is a page of HTML, and ${output} is called otherwise`, {
      hint: "end the name in .html; ltrain plot -o writes pictures",
    });
  }
  await refuseExisting(output, options.force); // before the weights are read
  const folders = await foldersOf(options.runs.length === 0 ? ["."] : options.runs, terminal);
  const names = shortNames(folders);
  const runs: ReportedRun[] = [];
  const logged: { name: string; metrics: NonNullable<Awaited<ReturnType<typeof readMetrics>>>["metrics"] }[] = [];
  for (const [i, folder] of folders.entries()) {
    const name = names[i] ?? folder;
    runs.push(await reportData(folder, name, options.weights));
    logged.push({ name, metrics: (await readMetrics(folder))?.metrics ?? new Map() });
  }
  const charts = chartMetrics(logged, { metrics, log, smooth });
  const words = { bytes: formatBytes, count: formatCount, date: formatDate };
  const page = reportPage(runs, charts, runs.length > 1 ? compareConfigs(runs) : [], words);
  const bytes = new TextEncoder().encode(page);
  await writeNewFile(output, bytes, options.force);
  if (options.json) {
    const told = { schema_version: SCHEMA_VERSION, path: output, bytes: bytes.byteLength, runs: folders };
    await writeJson(told, undefined, terminal.stdout);
  } else {
    terminal.stderr.write(`wrote ${output}: ${plural(runs.length, "run")}, ${formatBytes(bytes.byteLength)}\n`);
  }
  return 0;
}

async function foldersOf(paths: readonly string[], terminal: Terminal): Promise<string[]> {
  const folders: string[] = [];
  for (const path of paths) {
    const folder = await locateRun(path);
    if (folder !== path) terminal.stderr.write(`the newest run: ${folder}\n`);
    if (!folders.includes(folder)) folders.push(folder);
  }
  return folders;
}
