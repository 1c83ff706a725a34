import type { FileOperations } from "../io/fileOperations.js";
import { nodeFiles } from "../io/fileOperations.js";
import { removeFile } from "../io/textFile.js";
import { torchParts } from "../serialization/torchSave.js";
import type { Allot } from "../storage/hostTensor.js";
import { BackgroundWriter } from "./backgroundWriter.js";
import type { Checkpoint } from "./checkpoint.js";
import { dumpCheckpoint } from "./dumpCheckpoint.js";
import type { LoadedCheckpoint } from "./loadCheckpoint.js";
import { loadCheckpoint } from "./loadCheckpoint.js";
import type { PackedJob } from "./packedJob.js";
import { packJob, unpackJob } from "./packedJob.js";
import type { SaveJob } from "./saveJob.js";
import { runSaveJob } from "./commitJob.js";
import type { SavedFile, SaveOrder, VerifyMode } from "./saveOrder.js";
import { SnapshotMemory, snapshotSizes } from "./snapshotMemory.js";

export type { LoadedCheckpoint } from "./loadCheckpoint.js";
export { loadCheckpoint } from "./loadCheckpoint.js";

/** A save that is ready to be written. */
export interface PreparedSave {
  /** Resolves when everything is durable under its name; after a failure it may be called again. */
  write(): Promise<readonly SavedFile[]>;
}

/** How checkpoints come from and go to disk: Lightning's CheckpointIO, with ltrain's ways beside it. */
export interface CheckpointIO {
  load(path: string): Promise<LoadedCheckpoint>;
  /** Resolves when the file is durable under its name; on failure an older file of that name is untouched. */
  save(checkpoint: Checkpoint, path: string): Promise<void>;
  /** A file that is gone already is fine. */
  remove(path: string): Promise<void>;
  /**
   * Make a save ready; with `aside` its state is copied, so that training may go on while it is written. Without this
   * method every save is waited for.
   */
  prepare?(order: SaveOrder, aside: boolean): Promise<PreparedSave>;
  /** Memory that the state of the next save may be copied into, where that spares a copy; one save at a time. */
  begin?(): Allot;
  /** Make ready for saves of so many bytes. */
  warm?(byteLength: number): Promise<void>;
  /** Free bytes under a path; null where nobody knows. */
  freeSpace?(path: string): Promise<number | null>;
  /** Give back threads and memory; it may be used again. */
  close?(): Promise<void>;
}

/** How torch files are written. */
export interface TorchCheckpointOptions {
  readonly files?: FileOperations;
  /** How what was written is looked at before it takes its name; all of it where nothing is said. */
  readonly verify?: VerifyMode;
}

/** What is smaller is written without a thread: to start one takes as long as writing it does. */
const THREAD_BYTES = 8 * 2 ** 20;

/** Checkpoints as torch.save writes them; safetensors files and bare state_dicts can be loaded too. */
export function torchCheckpointIO(options: TorchCheckpointOptions = {}): Required<CheckpointIO> {
  const { files = nodeFiles, verify = "full" } = options;
  const memory = new SnapshotMemory();
  const writer = new BackgroundWriter(memory);
  const jobOf = (order: SaveOrder): SaveJob => ({
    files: order.files.map(({ path, checkpoint }) => ({
      path,
      ...torchParts(dumpCheckpoint(checkpoint)),
      step: checkpoint.globalStep,
      epoch: checkpoint.epoch,
    })),
    replicas: order.replicas,
    retired: order.retired,
    metrics: Object.fromEntries([...order.metrics].map(([name, value]) => [name, jsonNumber(value)])),
    verify,
  });
  const writeAside = async (job: PackedJob): Promise<readonly SavedFile[]> => {
    if (files === nodeFiles && bytesOf(job) >= THREAD_BYTES) return writer.run(job);
    const buffers = memory.lend();
    try {
      return await runSaveJob(unpackJob(job, buffers), files);
    } finally {
      memory.giveBack(buffers);
    }
  };
  return {
    load: (path) => loadCheckpoint(path, { files }),
    save: async (checkpoint, path) => {
      const order = { files: [{ path, checkpoint }], replicas: [], retired: [], metrics: new Map<string, number>() };
      await runSaveJob(jobOf(order), files);
    },
    remove: (path) => removeFile(path, files),
    prepare: async (order, aside) => {
      const job = jobOf(order);
      if (!aside) return { write: () => runSaveJob(job, files) };
      const packed = await packJob(job, memory);
      return { write: () => writeAside(packed) };
    },
    begin: () => {
      memory.reset();
      return memory.allot;
    },
    warm: async (byteLength) => {
      if (files === nodeFiles && byteLength >= THREAD_BYTES) await writer.warm(snapshotSizes(byteLength));
    },
    freeSpace: async (path) => {
      const { freeSpace } = await import("./checkpointSpace.js");
      return freeSpace(path, files);
    },
    close: async () => {
      await writer.close();
      memory.giveBack([]);
    },
  };
}

function bytesOf(job: PackedJob): number {
  return job.files.reduce((sum, { storages }) => storages.reduce((more, { byteLength }) => more + byteLength, sum), 0);
}

/** JSON has no word for NaN and infinities. */
function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
