import { join } from "node:path";
import { loadCheckpoint } from "../checkpoint/loadCheckpoint.js";
import { summarizeCheckpoint } from "../checkpoint/summarizeCheckpoint.js";
import { LtrainError } from "../errors.js";
import { listFolder, statusOf } from "../io/textFile.js";
import { factsOf } from "../plot/series.js";
import type { FoundRun } from "./findRuns.js";
import type { MetricTable } from "./metricTable.js";
import { readMetrics } from "./metricTable.js";
import type { RunRecord } from "../callbacks/runRecord.js";
import { readRunRecord } from "../callbacks/runRecord.js";
import type { RunState } from "./runState.js";
import { runState } from "./runState.js";

/** The best value of a metric. */
export interface BestMetric {
  readonly name: string;
  readonly value: number;
}

/** A run in a few words. */
export interface RunSurvey {
  readonly path: string;
  readonly state: RunState;
  readonly model: string | null;
  readonly best: BestMetric | null;
  readonly epochs: number | null;
  readonly globalStep: number | null;
  /** Bytes of its folder and all below. */
  readonly byteLength: number;
  /** When it was started, or else when something was last written; milliseconds since 1970. */
  readonly date: number;
  readonly record: RunRecord | null;
}

/** Look at a run: its record where it keeps one, else its metrics and its newest checkpoint. */
export async function surveyRun({ path, modified }: FoundRun): Promise<RunSurvey> {
  const record = await readRunRecord(path);
  const metrics = await readMetrics(path);
  const state = await runState(path, record);
  const fromFile = record === null ? await newestCheckpoint(path) : null;
  return {
    path,
    state,
    model: record?.model ?? null,
    best: recordedBest(record) ?? fromFile?.best ?? bestOf(metrics),
    epochs: record?.epochs ?? fromFile?.epochs ?? epochsIn(metrics),
    globalStep: Math.max(record?.global_step ?? -1, fromFile?.globalStep ?? -1, stepsIn(metrics) ?? -1, 0) || null,
    byteLength: await sizeOf(path),
    date: record === null ? modified : Date.parse(record.started),
    record,
  };
}

function recordedBest(record: RunRecord | null): BestMetric | null {
  const best = record?.best ?? null;
  return best === null || best.value === null ? null : { name: best.metric, value: best.value };
}

/** Where no ModelCheckpoint watched anything: the lowest validation loss, or training loss. */
function bestOf(table: MetricTable | null): BestMetric | null {
  const names = [...(table?.metrics.keys() ?? [])];
  const name = [/^val.*loss/, /loss.*epoch$/, /loss/]
    .map((kind) => names.find((each) => kind.test(each)))
    .find(Boolean);
  const lowest = name === undefined ? null : factsOf(table?.metrics.get(name) ?? []).min;
  return name === undefined || lowest === null ? null : { name, value: lowest.y };
}

/** Epochs are counted from 0. */
function epochsIn(table: MetricTable | null): number | null {
  return table?.lastEpoch === null || table === null ? null : table.lastEpoch + 1;
}

/** Rows are counted from 0. */
function stepsIn(table: MetricTable | null): number | null {
  return table?.lastStep === null || table === null ? null : table.lastStep + 1;
}

interface FromFile {
  readonly best: BestMetric | null;
  readonly epochs: number;
  readonly globalStep: number;
}

/** What the newest checkpoint of a run says; null where there is none that can be read. */
async function newestCheckpoint(folder: string): Promise<FromFile | null> {
  const checkpoints = join(folder, "checkpoints");
  let newest: { readonly path: string; readonly modified: number } | null = null;
  for (const { name } of await listFolder(checkpoints)) {
    if (!name.endsWith(".ckpt") || name.startsWith(".")) continue;
    const path = join(checkpoints, name);
    const modified = (await statusOf(path))?.modified ?? 0;
    if (newest === null || modified > newest.modified) newest = { path, modified };
  }
  if (newest === null) return null;
  try {
    const loaded = await loadCheckpoint(newest.path);
    try {
      const { checkpoint } = loaded;
      const { callbacks, loops } = await summarizeCheckpoint(checkpoint);
      const watching = callbacks?.find(({ monitor, bestScore }) => monitor !== null && bestScore !== null);
      const best =
        watching?.monitor == null || watching.bestScore === null
          ? null
          : { name: watching.monitor, value: watching.bestScore };
      return { best, epochs: loops?.epochsProcessed ?? checkpoint.epoch, globalStep: checkpoint.globalStep };
    } finally {
      await loaded.close();
    }
  } catch (error) {
    if (error instanceof LtrainError) return null; // a damaged file is told by inspect and verify
    throw error;
  }
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const { name, kind } of await listFolder(folder)) {
    const path = join(folder, name);
    bytes += kind === "folder" ? await sizeOf(path) : kind === "file" ? ((await statusOf(path))?.byteLength ?? 0) : 0;
  }
  return bytes;
}
