import { join } from "node:path";
import { loadCheckpoint } from "../checkpoint/loadCheckpoint.js";
import type { SurveyedCheckpoint } from "../checkpoint/surveyFolder.js";
import { surveyFolder } from "../checkpoint/surveyFolder.js";
import type { TensorHistogram } from "../checkpoint/tensorHistogram.js";
import { tensorHistogram } from "../checkpoint/tensorHistogram.js";
import { LtrainError } from "../errors.js";
import { fileExists, isFolder, readText, statusOf } from "../io/textFile.js";
import type { RecordedPart } from "../callbacks/runRecord.js";
import type { RunSurvey } from "./surveyRun.js";
import { surveyRun } from "./surveyRun.js";

/** How the numbers of one tensor of the state_dict are spread. */
export interface WeightHistogram {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly histogram: TensorHistogram;
}

/** The weights of one checkpoint. */
export interface RunWeights {
  /** The checkpoint that they are from. */
  readonly file: string;
  readonly histograms: readonly WeightHistogram[];
  /** Tensors that are not shown: beyond so many a page is no overview any more. */
  readonly left: number;
}

/** All that a report tells of one run, beside its curves. */
export interface ReportedRun {
  readonly name: string;
  readonly survey: RunSurvey;
  /** Modules with parameters: as the run recorded them, else as the state_dict has them, without their types. */
  readonly parts: readonly RecordedPart[];
  readonly checkpoints: readonly SurveyedCheckpoint[];
  /** The resolved config as it lies beside the logs, or the hyperparameters where there is no config. */
  readonly config: { readonly file: string; readonly text: string } | null;
  readonly weights: RunWeights | null;
}

const BINS = 48;
const MOST_TENSORS = 240;
/** A config longer than this is data. */
const LONGEST_CONFIG = 200_000;

/** Gather what is known of a run; `withWeights` reads the tensors of its best checkpoint. */
export async function reportData(path: string, name: string, withWeights: boolean): Promise<ReportedRun> {
  const survey = await surveyRun({ path, modified: (await statusOf(path))?.modified ?? 0 });
  const checkpoints = await checkpointsIn(path);
  const file = bestFile(survey, checkpoints);
  const weights = withWeights && file !== null ? await readWeights(file) : null;
  const recorded = survey.record?.summary ?? [];
  return {
    name,
    survey,
    parts: recorded.length > 0 || weights === null ? recorded : partsOf(weights.histograms),
    checkpoints,
    config: await configOf(path),
    weights,
  };
}

async function checkpointsIn(path: string): Promise<SurveyedCheckpoint[]> {
  const folder = (await isFolder(join(path, "checkpoints"))) ? join(path, "checkpoints") : path;
  const found: SurveyedCheckpoint[] = [];
  for await (const each of surveyFolder(folder)) found.push(each);
  return found.sort((a, b) => (b.globalStep ?? -1) - (a.globalStep ?? -1) || (a.file < b.file ? -1 : 1));
}

/** The best checkpoint where the run says which it is, else the newest that can be read. */
function bestFile({ record }: RunSurvey, checkpoints: readonly SurveyedCheckpoint[]): SurveyedCheckpoint | null {
  const sound = checkpoints.filter(({ error }) => error === null);
  const best = record?.best_model_path ?? null;
  const name = best?.split(/[\\/]/).at(-1);
  return sound.find(({ file }) => file === name) ?? sound[0] ?? null;
}

async function readWeights({ path, file }: SurveyedCheckpoint): Promise<RunWeights | null> {
  try {
    const loaded = await loadCheckpoint(path);
    try {
      const tensors = [...loaded.checkpoint.stateDict.tensors].filter(([, { numel }]) => numel > 1);
      const histograms: WeightHistogram[] = [];
      for (const [name, tensor] of tensors.slice(0, MOST_TENSORS)) {
        const histogram = await tensorHistogram(tensor, BINS);
        const { shape, dtype } = tensor;
        if (histogram !== null) histograms.push({ name, shape, dtype, histogram });
      }
      return { file, histograms, left: Math.max(tensors.length - MOST_TENSORS, 0) };
    } finally {
      await loaded.close();
    }
  } catch (error) {
    if (error instanceof LtrainError) return null; // the table of checkpoints says what is wrong with it
    throw error;
  }
}

function partsOf(histograms: readonly WeightHistogram[]): RecordedPart[] {
  const counts = new Map<string, number>();
  for (const { name, histogram } of histograms) {
    const module = name.slice(0, Math.max(name.lastIndexOf("."), 0));
    counts.set(module, (counts.get(module) ?? 0) + histogram.stats.count);
  }
  return Array.from(counts, ([name, parameters]) => ({ name, type: "", parameters, trainable: parameters }));
}

async function configOf(path: string): Promise<ReportedRun["config"]> {
  for (const file of ["config.yaml", "hparams.yaml"]) {
    if (!(await fileExists(join(path, file)))) continue;
    const text = await readText(join(path, file));
    if (text.trim() === "" || text.trim() === "{}" || text.length > LONGEST_CONFIG) continue;
    return { file, text };
  }
  return null;
}
