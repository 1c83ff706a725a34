import type { HyperParameters } from "../checkpoint/checkpoint.js";
import type { JsonValue } from "../checkpoint/jsonValue.js";
import { jsonNumber, jsonValue } from "../checkpoint/jsonValue.js";
import type { CheckpointSummary } from "../checkpoint/summarizeCheckpoint.js";
import { summarizeCheckpoint } from "../checkpoint/summarizeCheckpoint.js";
import type { Addition, JsonFields } from "../checkpoint/tensorJson.js";
import { TensorDescriber } from "../checkpoint/tensorJson.js";
import { allTensorsOf, partsAtPath } from "../checkpoint/treePaths.js";
import type { Terminal } from "../io/console.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { ByteProgress } from "./byteProgress.js";
import type { InspectOptions, Inspection } from "./inspection.js";
import { kindOf } from "./inspection.js";
import { SCHEMA_VERSION, writeJson } from "./jsonWriter.js";
import type { SelectedTensor } from "./listedTensors.js";
import { selectTensors } from "./listedTensors.js";

/** Everything about a file as one JSON object, docs/inspect.md; its tensors are written one by one. */
export async function writeInspection(
  inspection: Inspection,
  options: InspectOptions,
  terminal: Terminal,
): Promise<void> {
  const summary = await summarizeCheckpoint(inspection.checkpoint);
  const views = await viewsJson(inspection, options);
  const members = { schema_version: SCHEMA_VERSION, ...headJson(inspection, summary), ...views };
  const selected = selectTensors(allTensorsOf(inspection.file.root), inspection, options.patterns);
  const items = tensorsJson(selected, options, terminal);
  await writeJson(members, { name: "tensors", items }, terminal.stdout);
}

/** What the views that were asked for besides add to the object. */
async function viewsJson({ file }: Inspection, options: InspectOptions): Promise<JsonFields> {
  const views: JsonFields = {};
  if (options.sizes) views["sizes"] = (await import("./inspectSizes.js")).sizesJson(file);
  if (options.globals) views["globals"] = (await import("./inspectGlobals.js")).globalsJson(file);
  if (options.tree) views["tree"] = (await import("./inspectTree.js")).treeJson(file.root);
  return views;
}

async function* tensorsJson(
  selected: readonly SelectedTensor[],
  options: InspectOptions,
  terminal: Terminal,
): AsyncGenerator<JsonValue> {
  const isRead = options.sha256 || options.stats;
  const progress = isRead
    ? new ByteProgress(
        "reading",
        selected.flatMap(({ found }) => ("tensor" in found ? [found] : partsAtPath(found.path, found.parts))),
        terminal.stderr,
      )
    : undefined;
  const describer = new TensorDescriber(isRead ? await contentOf(options, progress?.add) : undefined);
  for (const { found } of selected) yield await describer.describe(found);
  progress?.end();
}

/** What is known of a tensor only when it is read; one that has several names is read once. */
async function contentOf(options: InspectOptions, heard?: (bytes: number) => void): Promise<Addition> {
  const known = new WeakMap<StoredTensor, JsonFields>();
  const stats = options.stats ? await import("./inspectStats.js") : undefined;
  const digest = options.sha256 ? await import("../checkpoint/tensorDigest.js") : undefined;
  return async (tensor) => {
    const fields = known.get(tensor) ?? {
      ...(digest === undefined ? {} : { sha256: await digest.tensorDigest(tensor, heard) }),
      ...(stats === undefined
        ? {}
        : { stats: await stats.statsJson(tensor, digest === undefined ? heard : undefined) }),
    };
    known.set(tensor, fields);
    return fields;
  };
}

/** What the file is and what Lightning keeps in it. A part that the file does not have is null. */
function headJson(inspection: Inspection, summary: CheckpointSummary): JsonFields {
  const { file, checkpoint } = inspection;
  const { stateDict, loops } = summary;
  const isLightningLike = kindOf(inspection) === "lightning" || checkpoint.loops !== null;
  return {
    path: file.path,
    bytes: file.byteLength,
    format: file.format,
    kind: kindOf(inspection),
    lightning_version: checkpoint.lightningVersion,
    epoch: isLightningLike || checkpoint.epoch > 0 ? checkpoint.epoch : null,
    global_step: isLightningLike || checkpoint.globalStep > 0 ? checkpoint.globalStep : null,
    hparams_name: checkpoint.hyperParameters?.name ?? null,
    hyper_parameters: hyperParametersJson(checkpoint.hyperParameters),
    datamodule_hyper_parameters: hyperParametersJson(checkpoint.datamoduleHyperParameters),
    state_dict: {
      keys: stateDict.tensors + (checkpoint.stateDict.extraState?.size ?? 0),
      parameters: stateDict.parameters,
      bytes: stateDict.bytes,
      storage_bytes: stateDict.storageBytes,
      shared_names: stateDict.sharedNames,
      modules: stateDict.modules.map((module) => ({ ...module })),
    },
    optimizers:
      summary.optimizers?.map(({ kind, lr, groups, parameters, stateBytes }) => ({
        kind,
        lr: lr.map(numberJson),
        param_groups: groups,
        parameters,
        state_bytes: stateBytes,
      })) ?? null,
    lr_schedulers:
      summary.schedulers?.map(({ kind, lastEpoch, lastLr }) => ({
        kind,
        last_epoch: numberJson(lastEpoch),
        last_lr: lastLr.map(numberJson),
      })) ?? null,
    callbacks:
      summary.callbacks?.map(({ key, name, monitor, bestScore, bestPath, state }) => ({
        key,
        name,
        monitor,
        best_score: numberJson(bestScore),
        best_path: bestPath,
        state: jsonValue(state),
      })) ?? null,
    loops: loops && {
      epochs_ready: loops.epochsReady,
      epochs_processed: loops.epochsProcessed,
      epochs_completed: loops.epochsCompleted,
      batches_ready: loops.batchesReady,
      batches_processed: loops.batchesProcessed,
      is_last_batch: loops.isLastBatch,
      optimizer_steps: loops.optimizerSteps,
    },
    precision: checkpoint.precision && { key: checkpoint.precision.key, state: jsonValue(checkpoint.precision.state) },
    datamodule: checkpoint.datamodule && {
      key: checkpoint.datamodule.key,
      state: jsonValue(checkpoint.datamodule.state),
    },
    ltrain: jsonValue(checkpoint.ltrain),
    other_keys: [...checkpoint.rest.keys()],
    metadata: Object.fromEntries(file.metadata),
    remarks: file.remarks,
    parts: file.parts,
    foreign_globals: file.foreignGlobals.map(String),
  };
}

function hyperParametersJson(hparams: HyperParameters | null): JsonValue {
  return hparams && jsonValue(hparams.values);
}

function numberJson(value: number | null): JsonValue {
  return value === null ? null : jsonNumber(value);
}
