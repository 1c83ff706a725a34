import { join, resolve } from "node:path";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { loadCheckpoint } from "../checkpoint/loadCheckpoint.js";
import type { LoopPosition } from "../checkpoint/loopPosition.js";
import { loopPosition } from "../checkpoint/loopPosition.js";
import type { ChangeKind } from "../config/changeKinds.js";
import { kindOfChange } from "../config/changeKinds.js";
import type { RunFolder } from "../config/classEntry.js";
import type { ConfigChange } from "../config/configChanges.js";
import { applyChange, configChanges, describeChange } from "../config/configChanges.js";
import type { Run } from "../config/instantiate.js";
import { instantiate } from "../config/instantiate.js";
import type { ResolvedConfig } from "../config/loadConfig.js";
import { loadConfig } from "../config/loadConfig.js";
import type { TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { lockOwner } from "../io/folderLock.js";
import { nodeFiles } from "../io/fileOperations.js";
import { isFolder } from "../io/textFile.js";
import { freeSpace } from "../checkpoint/checkpointSpace.js";
import { asNumber, keyText } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import type { CheckpointStart } from "./checkpointConfig.js";
import type { Impossibility, PlanProblem } from "./planProblems.js";
import { blame, misfits } from "./planProblems.js";
import type { PlannedData } from "./plannedData.js";
import { planData } from "./plannedData.js";
import type { PassedOver, SoundCheckpoint } from "./soundCheckpoint.js";

/** What a resume would do, found out without doing it. Names are those of `--plan --json`. */
export interface ResumePlan {
  readonly checkpoint: {
    readonly path: string;
    readonly epoch: number;
    readonly global_step: number;
    readonly checksums_right: number;
  };
  readonly passed_over: readonly PassedOver[];
  /** The parts of the checkpoint that are taken, each in a few words. */
  readonly restores: readonly string[];
  readonly run_folder: string;
  /** Whether the run goes on in its own folder, or opens a new one. */
  readonly goes_on_there: boolean;
  /** Differences of the config that can be resumed with, by what they do. */
  readonly config: Readonly<Record<ChangeKind, readonly string[]>>;
  /** Why it cannot be resumed like this, with the differences that make it so; empty where it can. */
  readonly impossible: readonly string[];
  readonly next: { readonly epoch: number; readonly due: string | null } & PlannedData;
  /** Whether nothing is left to train: the limits of the config are reached. */
  readonly finished: boolean;
  /** Learning rate of every param group, in the step that comes next. */
  readonly lr: readonly number[];
  readonly disk: readonly {
    readonly folder: string;
    readonly files: number;
    readonly bytes: number;
    readonly free: number | null;
  }[];
}

/** What the plan is made of. */
export interface PlanParts {
  readonly found: SoundCheckpoint;
  readonly start: CheckpointStart;
  readonly resolved: ResolvedConfig;
  readonly runFolder: RunFolder | undefined;
  /** Whether the limits of the config are reached already. */
  readonly isFinished: boolean;
}

/** Find out what a resume would do. Objects are made and data is looked at; nothing is written, nothing is trained. */
export async function planResume(
  { found, start, resolved, runFolder, isFinished }: PlanParts,
  allowDataChange: boolean,
): Promise<ResumePlan> {
  const { checkpoint, byteLength, close } = await loadCheckpoint(found.path);
  try {
    const run = instantiate(resolved, runFolder === undefined ? {} : { runFolder });
    const before = start.config;
    const changes =
      before === null ? [] : configChanges({ ...before, ckpt_path: null }, { ...resolved.config, ckpt_path: null });
    const position = checkpoint.loops === null ? null : loopPosition(checkpoint.loops);
    const place = placeOf(position, start);
    const data = await planData(run, checkpoint, place.batch > 0);
    const lookAt = async (other: Run): Promise<PlanProblem[]> => {
      const { problems } = other === run ? data : await planData(other, checkpoint, place.batch > 0);
      const ofData = problems.map((message): PlanProblem => ({ about: "data", message }));
      return [...(await misfits(other, checkpoint)), ...(allowDataChange ? [] : ofData)];
    };
    const withOnly = async (some: readonly ConfigChange[]): Promise<PlanProblem[]> => {
      const config = some.reduce<unknown>(applyChange, before) as NonNullable<typeof before>;
      try {
        const embedded = { config, path: found.path };
        return await lookAt(instantiate(await loadConfig({ files: [], embedded, overrides: [], environment: {} })));
      } catch (error) {
        if (error instanceof LtrainError) return []; // one difference needs another
        throw error;
      }
    };
    const refused: Impossibility[] = [];
    for (const problem of await lookAt(run)) refused.push(await blame(problem, changes, withOnly));
    const possible = changes.filter((change) => !refused.some((each) => each.changes.includes(change)));
    const sorted = (kind: ChangeKind): string[] =>
      possible.filter((change) => kindOfChange(change) === kind).map(describeChange);
    const { logDir } = run.trainer;
    const locked = (await isFolder(logDir)) ? await lockOwner(logDir) : null;
    return {
      checkpoint: {
        path: found.path,
        epoch: checkpoint.epoch,
        global_step: checkpoint.globalStep,
        checksums_right: found.verification.checksums.right,
      },
      passed_over: found.passedOver,
      restores: restoredParts(checkpoint),
      run_folder: logDir,
      goes_on_there: runFolder !== undefined,
      config: { harmless: sorted("harmless"), "changes-the-mathematics": sorted("changes-the-mathematics") },
      impossible: [...(locked === null ? [] : [locked.message]), ...refused.map(({ text }) => text)],
      next: { epoch: place.epoch, due: place.due, ...data.next },
      finished: isFinished,
      lr: learningRates(checkpoint),
      disk: await planDisk(run, checkpoint, byteLength, data.next.batches),
    };
  } finally {
    await close();
  }
}

/** Where training goes on, as the loops' counters say (lightning-checkpoint-format.md, 5.4). */
function placeOf(
  position: LoopPosition | null,
  start: CheckpointStart,
): { epoch: number; batch: number; due: string | null } {
  const { epochsReady = null, epochsProcessed = null, batchesProcessed, isLastBatch } = position ?? {};
  const isInside = epochsReady !== null && epochsReady > start.epochs && (epochsProcessed ?? 0) >= 0;
  if (!isInside) return { epoch: start.epochs, batch: 0, due: null };
  if (isLastBatch !== true) return { epoch: epochsReady - 1, batch: batchesProcessed ?? 0, due: null };
  return { epoch: epochsReady, batch: 0, due: `the end of epoch ${epochsReady - 1}` };
}

function restoredParts(checkpoint: Checkpoint): string[] {
  const { stateDict, optimizerStates, lrSchedulers, callbacks, precision, datamodule, ltrain } = checkpoint;
  const names = [...(callbacks?.keys() ?? [])].map((key) => keyText(key).replace(/\{.*$/s, ""));
  return [
    `weights: ${stateDict.tensors.size} tensors`,
    ...(optimizerStates ?? []).map((state, i) => `optimizer ${i}: state of ${stateSize(state)} parameters`),
    ...(lrSchedulers ?? []).map((_, i) => `lr scheduler ${i}`),
    ...(names.length === 0 ? [] : [`callbacks: ${names.join(", ")}`]),
    ...(precision === null ? [] : [`precision: ${precision.key}`]),
    ...(datamodule === null ? [] : [`data module: ${datamodule.key}`]),
    "loop counters",
    ...(ltrain?.has("rng_state") === true ? ["random state", "data position", "metrics"] : []),
    ...(ltrain?.has("accumulated") === true ? ["gradients gathered so far"] : []),
  ];
}

function stateSize(state: PyDict): number {
  const slots = state.get("state");
  return slots instanceof PyDict ? slots.size : 0;
}

function learningRates({ optimizerStates }: Checkpoint): number[] {
  return (optimizerStates ?? []).flatMap((state) => {
    const groups = state.get("param_groups");
    if (!Array.isArray(groups)) return [];
    return groups.map((group) => (group instanceof PyDict ? asNumber(group.get("lr")) : undefined) ?? Number.NaN);
  });
}

/** What the checkpoints to come need, by the size of the one that is there. */
async function planDisk(
  run: Run,
  checkpoint: Checkpoint,
  size: number,
  batches: number | null,
): Promise<ResumePlan["disk"]> {
  const { trainer } = run;
  const values = {
    stage: "validate", // setup as it is where nothing is saved: it finds its folder, and touches nothing
    ckptPath: null,
    globalStep: checkpoint.globalStep,
    currentEpoch: checkpoint.epoch,
    numTrainingBatches: batches ?? Number.POSITIVE_INFINITY,
    accumulateGradBatches: trainer.options.accumulateGradBatches,
    logDir: trainer.logDir,
  };
  const seen = Object.create(
    trainer,
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }])),
  ) as TrainerState;
  const disk: ResumePlan["disk"][number][] = [];
  for (const callback of trainer.options.callbacks) {
    if (callback.expectedCheckpoints === undefined) continue;
    await callback.setup?.(seen, run.module, "validate");
    const expected = callback.expectedCheckpoints(seen);
    if (expected === null || expected.files === 0) continue;
    const folder = resolve(join(expected.folder));
    disk.push({
      folder,
      files: expected.files,
      bytes: expected.files * size,
      free: await freeSpace(folder, nodeFiles),
    });
  }
  return disk;
}

/** The first thing that stands in the way, as the error a resume would end with. */
export function refusalOf({ impossible, checkpoint }: ResumePlan): LtrainError | null {
  const [first] = impossible;
  if (first === undefined) return null;
  return new LtrainError("checkpoint.mismatch", `${checkpoint.path} cannot be resumed like this: ${first}`);
}
