import type { Logger } from "../core/logger.js";
import { LtrainError } from "../errors.js";
import type { FitLoop } from "../loops/fitLoop.js";
import type { GradientWindow } from "../loops/gradientWindow.js";
import type { MetricsBoard } from "../loops/metricsBoard.js";
import { asNumber, float, fromPlain, keyText } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { StoredTensor, storedTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";
import { defaultGenerator } from "../tensor/generator.js";
import type { Variable } from "../tensor/variable.js";

/** The version of the `ltrain` entry; a reader takes those it knows. */
const LTRAIN_VERSION = 1;

/** What the `ltrain` entry is made of. */
export interface LtrainParts {
  readonly fitLoop: FitLoop;
  readonly board: MetricsBoard;
  readonly logDir: string;
  readonly engine: string;
  readonly loggers: readonly Logger[];
  /** What tells the training data from other data; null where that is not known. */
  readonly fingerprint: string | null;
  readonly config: Readonly<Record<string, unknown>> | null;
  /** Brings a Variable to the host. */
  readonly read: (variable: Variable) => Promise<HostTensor>;
}

/** ltrain's own addition to a checkpoint, in plain types: all that a bit-exact resume needs beyond Lightning's parts. */
export async function dumpLtrain(parts: LtrainParts, weightsOnly: boolean): Promise<PyDict> {
  const { fitLoop, board, logDir, engine, config } = parts;
  const own = PyDict.from({ version: LTRAIN_VERSION, config: fromPlain(config), log_dir: logDir, engine });
  if (weightsOnly) return own;
  const counted = parts.loggers.filter(({ rowCount }) => rowCount !== undefined);
  const { batches, epochLoop } = fitLoop;
  // A batch that was handed out and not trained is handed out again.
  const trained = Math.min(batches?.batches ?? 0, epochLoop.batchProgress.current.processed);
  own
    .set("rng_state", storedTensor(epochLoop.randomState))
    .set(
      "data",
      PyDict.from({
        train: batches?.state(trained) ?? null,
        consumed: fitLoop.samples.stateDict(batches, trained),
        fingerprint: parts.fingerprint,
      }),
    )
    .set("logger_rows", new PyDict(counted.map((logger) => [loggerKey(logger), logger.rowCount ?? 0])))
    .set("due_row", dumpDueRow(fitLoop))
    .set("val_batches_seen", epochLoop.validation.batchesSeen)
    .set("results", epochLoop.results.stateDict())
    .set("callback_metrics", dumpMetrics(board.callbackMetrics))
    .set("progress_bar_metrics", dumpMetrics(board.progressBarMetrics));
  const { window } = epochLoop;
  const gathered = [...(await window.state(parts.read))];
  if (gathered.length === 0) return own;
  const gradients = new PyDict(gathered.map(([number, gradient]) => [number, storedTensor(gradient)]));
  return own.set("accumulated", PyDict.from({ batches: window.size, gradients }));
}

/**
 * Written in onTrainBatchEnd, a checkpoint is there before the row that this batch logs: the row itself, for a run that
 * goes on from here.
 */
function dumpDueRow({ currentEpoch, epochLoop }: FitLoop): PyDict | null {
  const { ready, processed, completed } = epochLoop.batchProgress.current;
  const isInBatchEnd = ready > 0 && processed === ready && completed === processed - 1;
  if (!isInBatchEnd || !epochLoop.shouldLog) return null;
  const { log } = epochLoop.results.metrics(true);
  if (log.size === 0) return null;
  const ownStep = log.get("step");
  const step = ownStep === undefined ? epochLoop.batchesThatStepped : Math.trunc(ownStep);
  const metrics = new Map([["epoch", currentEpoch] as const, ...log]);
  metrics.delete("step");
  return PyDict.from({ step, metrics: dumpMetrics(metrics) });
}

/** What a logger's rows are counted under. */
function loggerKey(logger: Logger): string {
  return `${logger.constructor.name} ${logger.name}`;
}

/** What a checkpoint says of the training data. */
export interface DataState {
  /** Where its pass stands; null where none had begun. */
  readonly cursor: PyDict | null;
  /** The hash of the examples seen so far. */
  readonly consumed: PyDict | null;
  readonly fingerprint: string | null;
}

/** What a checkpoint's `ltrain` entry says, checked before anything is changed by it. */
export interface LtrainState {
  /** Folder of the run that wrote it; "" when there was none. */
  readonly logDir: string;
  /** The row that the batch logs in whose end the checkpoint was written; null where there is none. */
  readonly dueRow: { readonly step: number; readonly metrics: Readonly<Record<string, number>> } | null;
  /** Rows that a logger had when the checkpoint was written; null where nobody counted them. */
  rowsOf(logger: Logger): number | null;
  /** Put the metrics up again, also the half-gathered ones of an unfinished epoch. */
  restoreMetrics(fitLoop: FitLoop, board: MetricsBoard): void;
  /**
   * In the middle of an accumulation window: the gradients gathered so far. False when the window is another one now,
   * and they are left out.
   */
  restoreGradients(window: GradientWindow, write: (variable: Variable, value: HostTensor) => void): boolean;
  readonly data: DataState;
  /** Last of all: the generator as it stood. */
  restoreRandomState(): void;
}

/** Read an `ltrain` entry. */
export async function readLtrain(entry: PyDict): Promise<LtrainState> {
  const version = entry.get("version");
  if (version !== LTRAIN_VERSION) {
    throw new LtrainError(
      "checkpoint.unsupported",
      `the checkpoint's ltrain entry has version ${asNumber(version) ?? "none"}, this ltrain knows ${LTRAIN_VERSION}`,
      { hint: "resume it with the ltrain that wrote it, or a newer one" },
    );
  }
  const random = entry.get("rng_state");
  const randomState = random instanceof StoredTensor ? await readTensor(random) : null;
  const results = dictAt(entry, "results");
  const callbackMetrics = readMetrics(dictAt(entry, "callback_metrics"));
  const progressBarMetrics = readMetrics(dictAt(entry, "progress_bar_metrics"));
  const data = dictAt(entry, "data") ?? new PyDict();
  const fingerprint = data.get("fingerprint");
  const accumulated = dictAt(entry, "accumulated");
  const gradients = await readGradients(accumulated);
  const logDir = entry.get("log_dir");
  const rows = dictAt(entry, "logger_rows");
  const batchesSeen = entry.get("val_batches_seen");
  return {
    logDir: typeof logDir === "string" ? logDir : "",
    dueRow: readDueRow(dictAt(entry, "due_row")),
    rowsOf: (logger) => asNumber(rows?.get(loggerKey(logger))) ?? null,
    restoreMetrics(fitLoop, board) {
      fitLoop.epochLoop.validation.batchesSeen = asNumber(batchesSeen) ?? 0;
      board.show({ callback: callbackMetrics, progressBar: progressBarMetrics, log: new Map() });
      if (results !== null) fitLoop.epochLoop.results.loadStateDict(results);
    },
    restoreGradients(window, write) {
      const isSame = accumulated === null || accumulated.get("batches") === window.size;
      if (isSame) window.restore(gradients, write);
      return isSame;
    },
    data: {
      cursor: dictAt(data, "train"),
      consumed: dictAt(data, "consumed"),
      fingerprint: typeof fingerprint === "string" ? fingerprint : null,
    },
    restoreRandomState() {
      if (randomState !== null) defaultGenerator.setState(randomState);
    },
  };
}

function readDueRow(row: PyDict | null): LtrainState["dueRow"] {
  const step = asNumber(row?.get("step"));
  if (row === null || step === undefined) return null;
  return { step, metrics: Object.fromEntries(readMetrics(dictAt(row, "metrics"))) };
}

async function readGradients(accumulated: PyDict | null): Promise<Map<number, HostTensor>> {
  const gradients = new Map<number, HostTensor>();
  for (const [number, tensor] of accumulated === null ? [] : (dictAt(accumulated, "gradients") ?? [])) {
    if (typeof number === "number" && tensor instanceof StoredTensor) gradients.set(number, await readTensor(tensor));
  }
  return gradients;
}

function dictAt(dict: PyDict, key: string): PyDict | null {
  const value = dict.get(key);
  return value instanceof PyDict ? value : null;
}

function dumpMetrics(metrics: ReadonlyMap<string, number>): PyDict {
  return new PyDict([...metrics].map(([name, value]) => [name, float(value)]));
}

function readMetrics(metrics: PyDict | null): Map<string, number> {
  const read = new Map<string, number>();
  for (const [name, value] of metrics ?? []) read.set(keyText(name), asNumber(value) ?? Number.NaN);
  return read;
}
