import type { CheckpointIO } from "../checkpoint/checkpointIO.js";
import { RESERVE_BYTES } from "../checkpoint/checkpointSpace.js";
import { LtrainError } from "../errors.js";
import { itemSize } from "../storage/dtype.js";
import { numelOf } from "../storage/hostTensor.js";
import type { Variable } from "../tensor/variable.js";
import type { FitRun } from "./fitRun.js";

/** Pickle, directory and everything else of a checkpoint that is no tensor, and what stands around each tensor. */
const FILE_BYTES = 1 << 16;
const TENSOR_BYTES = 512;

/** What checkpoints will need in one folder. */
export interface FolderForecast {
  readonly folder: string;
  /** The most files of this run that will lie there at once, beyond those that do already. */
  readonly files: number;
  readonly bytes: number;
  /** null where nobody knows. */
  readonly free: number | null;
}

/** Bytes of one checkpoint of a run, with the optimizer state that it does not have yet and what callbacks add to it. */
export function checkpointBytes(run: FitRun, weightsOnly: boolean): number {
  const weights = sizeOf(new Set(run.module.state().values()));
  const slots = run.optimizers.reduce((sum, optimizer) => sum + optimizer.expectedBytes(TENSOR_BYTES), 0);
  const copies = run.callbacks.reduce((sum, { savedCopies = 0 }) => sum + savedCopies, 0);
  return FILE_BYTES + weights + (weightsOnly ? 0 : slots + copies * weights);
}

/** Bytes that one which is saved inside an accumulated window has beyond that: what has been gathered. */
function gatheredBytes({ trainer, callbacks, module }: FitRun): number {
  const gathers =
    trainer.accumulateGradBatches > 1 || callbacks.some((each) => each.accumulateGradBatches !== undefined);
  return gathers ? sizeOf(new Set(module.parameters())) : 0;
}

function sizeOf(variables: Iterable<Variable>): number {
  let bytes = 0;
  for (const { shape, dtype } of variables) bytes += numelOf(shape) * itemSize(dtype) + TENSOR_BYTES;
  return bytes;
}

/** What the checkpoints of a run will need, folder by folder. */
export async function forecastDisk(run: FitRun, io: CheckpointIO): Promise<FolderForecast[]> {
  const forecasts = new Map<string, FolderForecast>();
  for (const callback of run.callbacks) {
    const expected = callback.expectedCheckpoints?.(run.trainer) ?? null;
    if (expected === null || expected.files === 0) continue;
    const { folder, files, weightsOnly } = expected;
    const before = forecasts.get(folder) ?? {
      folder,
      files: 0,
      bytes: 0,
      free: (await io.freeSpace?.(folder)) ?? null,
    };
    // Checkpoints are of the ends of windows, but for the one of a run that is stopped.
    const bytes = before.bytes + files * checkpointBytes(run, weightsOnly) + (weightsOnly ? 0 : gatheredBytes(run));
    forecasts.set(folder, { ...before, files: before.files + files, bytes });
  }
  return [...forecasts.values()];
}

/** Before the first step: refuse a run whose checkpoints cannot fit, and make ready for those written meanwhile. */
export async function prepareDisk(run: FitRun, io: CheckpointIO, isAsync: boolean): Promise<void> {
  if (run.trainer.fastDevRun) return;
  const forecasts = await forecastDisk(run, io);
  for (const { folder, files, bytes, free } of forecasts) {
    if (free === null || bytes + RESERVE_BYTES <= free) continue; // as every save will ask
    throw new LtrainError(
      "disk.full",
      `the checkpoints of this run do not fit in ${folder}: ${files} of ${Math.ceil(bytes / files)} bytes take ` +
        `${bytes} bytes at once, and ${free} are free, of which ${RESERVE_BYTES} are left to the journal and the logs`,
      {
        hint: "free some space, keep fewer checkpoints (save_top_k), leave out the optimizer (save_weights_only), or choose another folder (dirpath)",
      },
    );
  }
  if (!isAsync) return;
  const largest = Math.max(0, ...forecasts.map(({ bytes, files }) => bytes / files));
  await io.warm?.(Math.ceil(largest));
}
