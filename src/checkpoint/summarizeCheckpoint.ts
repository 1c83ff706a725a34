import { asItems } from "../pickle/convert.js";
import { PyDict, PyGlobal } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import type { Checkpoint } from "./checkpoint.js";
import type { ParameterCount } from "./countParameters.js";
import { countParameters } from "./countParameters.js";
import { identifyOptimizer, identifyScheduler } from "./identifyClass.js";
import { readScalar } from "./readScalar.js";
import type { LoopPosition } from "./loopPosition.js";
import { loopPosition } from "./loopPosition.js";
import { tensorsOf } from "./treePaths.js";

/** One optimizer, as far as its state tells. */
export interface OptimizerSummary {
  /** torch's class; null when it is none of torch's. */
  readonly kind: string | null;
  /** Learning rate of each param group; null for one that is no number. */
  readonly lr: readonly (number | null)[];
  readonly groups: number;
  readonly parameters: number;
  /** Bytes of the state's tensors. */
  readonly stateBytes: number;
}

/** One learning rate scheduler, as far as its fields tell. */
export interface SchedulerSummary {
  readonly kind: string | null;
  readonly lastEpoch: number | null;
  readonly lastLr: readonly (number | null)[];
}

/** One callback's entry. */
export interface CallbackSummary {
  /** The whole state key, arguments and all. */
  readonly key: string;
  /** The class in front of the arguments. */
  readonly name: string;
  readonly monitor: string | null;
  readonly bestScore: number | null;
  readonly bestPath: string | null;
  readonly state: PyDict | null;
}

/** What a checkpoint holds, ready to be shown. */
export interface CheckpointSummary {
  readonly stateDict: ParameterCount;
  readonly optimizers: readonly OptimizerSummary[] | null;
  readonly schedulers: readonly SchedulerSummary[] | null;
  readonly callbacks: readonly CallbackSummary[] | null;
  readonly loops: LoopPosition | null;
}

/** Count and name what a checkpoint holds; of the tensors only single numbers are read. */
export async function summarizeCheckpoint(checkpoint: Checkpoint): Promise<CheckpointSummary> {
  const { optimizerStates, lrSchedulers, callbacks, loops } = checkpoint;
  return {
    stateDict: countParameters(checkpoint.stateDict.tensors),
    optimizers: optimizerStates && (await Promise.all(optimizerStates.map(summarizeOptimizer))),
    schedulers: lrSchedulers && (await Promise.all(lrSchedulers.map(summarizeScheduler))),
    callbacks: callbacks && (await Promise.all([...callbacks].map(([key, state]) => summarizeCallback(key, state)))),
    loops: loops && loopPosition(loops),
  };
}

async function summarizeOptimizer(state: PyDict): Promise<OptimizerSummary> {
  const groups = (asItems(state.get("param_groups")) ?? []).filter((group) => group instanceof PyDict);
  const tensors = new Set<StoredTensor>(tensorsOf(state.get("state") ?? null).map(({ tensor }) => tensor));
  return {
    kind: groups[0] === undefined ? null : identifyOptimizer(groups[0]),
    lr: await Promise.all(groups.map((group) => readScalar(group.get("lr")))),
    groups: groups.length,
    parameters: groups.reduce((sum, group) => sum + (asItems(group.get("params"))?.length ?? 0), 0),
    stateBytes: [...tensors].reduce((sum, tensor) => sum + tensor.byteLength, 0),
  };
}

async function summarizeScheduler(state: PyDict): Promise<SchedulerSummary> {
  return {
    kind: identifyScheduler(state),
    lastEpoch: await readScalar(state.get("last_epoch")),
    lastLr: await Promise.all((asItems(state.get("_last_lr")) ?? []).map((lr) => readScalar(lr))),
  };
}

async function summarizeCallback(key: PyValue, state: PyValue): Promise<CallbackSummary> {
  // Lightning before 1.5 filed the state under the class itself.
  const fullKey = typeof key === "string" ? key : key instanceof PyGlobal ? key.toString() : "?";
  const fields = state instanceof PyDict ? state : null;
  return {
    key: fullKey,
    name: key instanceof PyGlobal ? key.name : (/^[^{[(]*/.exec(fullKey)?.[0] ?? fullKey),
    monitor: stringOf(fields?.get("monitor")) ?? /'monitor': '([^']*)'/.exec(fullKey)?.[1] ?? null,
    bestScore: (await readScalar(fields?.get("best_model_score"))) ?? (await readScalar(fields?.get("best_score"))),
    bestPath: stringOf(fields?.get("best_model_path")),
    state: fields,
  };
}

function stringOf(value: PyValue | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
