import type { HyperParameters } from "../checkpoint/checkpoint.js";
import type { JsonValue } from "../checkpoint/jsonValue.js";
import { jsonNumber, jsonValue } from "../checkpoint/jsonValue.js";
import { tensorsOf } from "../checkpoint/treePaths.js";
import type { Inspection } from "./inspection.js";
import { kindOf } from "./inspection.js";

/**
 * What `ltrain inspect --json` prints. The members are public: new ones may come, these stay. A part that the file does
 * not have is null.
 */
export function inspectionJson(inspection: Inspection): JsonValue {
  const { file, checkpoint, summary } = inspection;
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
    foreign_globals: file.foreignGlobals.map(String),
    tensors: tensorsOf(file.root).map(({ path, tensor }) => ({
      path,
      dtype: tensor.dtype,
      shape: [...tensor.shape],
      stride: [...tensor.stride],
      storage_offset: tensor.storageOffset,
      numel: tensor.numel,
      bytes: tensor.byteLength,
    })),
  };
}

function hyperParametersJson(hparams: HyperParameters | null): JsonValue {
  return hparams && jsonValue(hparams.values);
}

function numberJson(value: number | null): JsonValue {
  return value === null ? null : jsonNumber(value);
}
